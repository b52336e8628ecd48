-- A tenant may say how long its records are kept.
ALTER TABLE tenants ADD COLUMN IF NOT EXISTS retention_days UInt32 AFTER store_content
