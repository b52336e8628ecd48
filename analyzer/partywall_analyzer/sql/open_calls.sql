-- All calls of dirty sessions, of the traces that these take part in, and of dirty traces, but for
-- those that are open.
INSERT INTO {calls:Identifier}
SELECT * EXCEPT (
    placement, received_at, loaded_at, party_values, party_terms, introduces, introduces_dropped,
    record_terms)
FROM calls
WHERE trace_id IN (
    SELECT trace_id FROM calls WHERE session_id IN {dirty_sessions:Identifier}
    UNION DISTINCT
    SELECT trace_id FROM {dirty_traces:Identifier})
    AND trace_id NOT IN (SELECT trace_id FROM {calls:Identifier})
