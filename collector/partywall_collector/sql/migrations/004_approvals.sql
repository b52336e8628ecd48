-- An approval says how it was given, and when it was recorded where it was decided.
ALTER TABLE approvals
    ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT 'regular' AFTER request_id,
    ADD COLUMN IF NOT EXISTS noted_at DateTime64(6, 'UTC') AFTER revoked_at
