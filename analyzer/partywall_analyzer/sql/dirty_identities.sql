-- The identities that act in a dirty trace.
INSERT INTO {dirty_identities:Identifier}
SELECT DISTINCT identity FROM {calls:Identifier} WHERE trace_id IN {dirty_traces:Identifier}
