-- A tool's rule says which fields of its result outsiders write, and can be taken back.
ALTER TABLE tools
    ADD COLUMN IF NOT EXISTS outsider_fields Array(String) AFTER party_kind,
    ADD COLUMN IF NOT EXISTS other_fields Array(String) AFTER outsider_fields,
    ADD COLUMN IF NOT EXISTS retired Bool AFTER other_fields
