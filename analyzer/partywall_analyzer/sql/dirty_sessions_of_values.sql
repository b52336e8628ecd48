-- The sessions that hold a dirty value: who had it first, and from where, may have changed.
INSERT INTO {dirty_sessions:Identifier}
SELECT DISTINCT session_id FROM calls
WHERE arrayExists(v -> v IN {dirty_values:Identifier}, values_in)
    OR arrayExists(v -> v IN {dirty_values:Identifier}, values_out)
