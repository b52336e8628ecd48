-- A finding says for which tenant its session was; of an older one it is not known.
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS session_tenant LowCardinality(String) AFTER to_tenant
