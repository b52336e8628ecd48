-- The credentials that a dirty trace used.
INSERT INTO {dirty_credentials:Identifier}
SELECT DISTINCT credential_id FROM {calls:Identifier}
WHERE credential_id != '' AND trace_id IN {dirty_traces:Identifier}
