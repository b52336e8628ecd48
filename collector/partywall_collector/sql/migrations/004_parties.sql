-- A party can be taken back.
ALTER TABLE parties ADD COLUMN IF NOT EXISTS retired Bool AFTER relation
