-- The values that prove something and that calls read from a tenant's data, where tenants meet.
CREATE TABLE {had:Identifier} ENGINE = Memory AS
SELECT
    session_id, value, owner, dataset, end_time AS had_at, lower(hex(trace_id)) AS trace,
    lower(hex(span_id)) AS span
FROM {touches:Identifier} ARRAY JOIN values_out AS value
WHERE party = '' AND act IN ['', 'none', 'read', 'fetch', 'get', 'list', 'search', 'query']
    AND value NOT IN {ignored:Identifier}
