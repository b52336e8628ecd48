-- A tenant may say how long its records are kept, and how many spans a minute it is sent.
ALTER TABLE tenants
    ADD COLUMN IF NOT EXISTS retention_days UInt32 AFTER store_content,
    ADD COLUMN IF NOT EXISTS spans_per_minute UInt32 AFTER retention_days
