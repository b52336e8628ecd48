-- The open calls of the sessions and traces in which tenants meet, and every call, open or not, that
-- holds a value at which they meet.
CREATE TABLE {met:Identifier} ENGINE = Memory AS
WITH
    together AS (
        SELECT session_id FROM {mixed_sessions:Identifier}
        UNION DISTINCT SELECT session_id FROM {meeting:Identifier}),
    runs AS (
        SELECT trace_id FROM {mixed_runs:Identifier}
        UNION DISTINCT SELECT trace_id FROM {meeting:Identifier})
SELECT * EXCEPT (
    placement, received_at, loaded_at, principal, party_values, party_terms,
    argument_terms, introduces, introduces_dropped, record_terms)
FROM {calls:Identifier}
WHERE session_id IN together
    OR trace_id IN runs
    OR arrayExists(v -> v IN {telling:Identifier}, values_in)
    OR arrayExists(v -> v IN {telling:Identifier}, values_out)
UNION ALL
SELECT * EXCEPT (
    placement, received_at, loaded_at, principal, party_values, party_terms,
    argument_terms, introduces, introduces_dropped, record_terms)
FROM calls
WHERE NOT {everything:Bool}
    AND (arrayExists(v -> v IN {telling:Identifier}, values_in)
        OR arrayExists(v -> v IN {telling:Identifier}, values_out))
    AND trace_id NOT IN (SELECT trace_id FROM {calls:Identifier} WHERE NOT {everything:Bool})
