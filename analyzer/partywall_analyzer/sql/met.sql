-- The calls of the sessions and traces in which tenants meet, and every call, open or not, that holds a
-- value at which they meet. They are read in one pass, because they are few and wide.
CREATE TABLE {met:Identifier} ENGINE = Memory AS
WITH met_values AS (
    SELECT value FROM {telling:Identifier} UNION DISTINCT SELECT value FROM {spreading:Identifier})
SELECT * EXCEPT (
    placement, received_at, loaded_at, principal, party_values, party_terms,
    argument_terms, introduces, introduces_dropped, record_terms)
FROM calls
WHERE session_id IN (
        SELECT session_id FROM {mixed_sessions:Identifier}
        UNION DISTINCT SELECT session_id FROM {meeting:Identifier})
    OR trace_id IN (
        SELECT trace_id FROM {mixed_runs:Identifier}
        UNION DISTINCT SELECT trace_id FROM {meeting:Identifier})
    OR arrayExists(v -> v IN met_values, values_in)
    OR arrayExists(v -> v IN met_values, values_out)
