-- An owner can be taken back.
ALTER TABLE datasets ADD COLUMN IF NOT EXISTS retired Bool AFTER sensitive
