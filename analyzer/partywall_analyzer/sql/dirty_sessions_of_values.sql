-- The sessions that hold a dirty value: who had it first, and from where, may have changed.
INSERT INTO {dirty_sessions:Identifier}
SELECT DISTINCT session_id FROM {uses:Identifier}
WHERE value IN {dirty_values:Identifier}
