-- The credentials that a dirty trace used.
CREATE TABLE {dirty_credentials:Identifier} ENGINE = Memory AS
SELECT DISTINCT credential_id FROM calls
WHERE credential_id != '' AND trace_id IN {dirty_traces:Identifier}
