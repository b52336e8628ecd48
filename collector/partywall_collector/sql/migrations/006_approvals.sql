-- An approval says by which tools.
ALTER TABLE approvals ADD COLUMN IF NOT EXISTS tools Array(String) AFTER operations
