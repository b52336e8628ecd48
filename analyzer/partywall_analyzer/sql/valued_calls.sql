-- The calls that hold asked values, with these alone.
INSERT INTO {valued:Identifier}
SELECT tenant_id, span_id, end_time, loaded_at, failed, datasets, asked_in, asked_out
FROM (
    SELECT
        *, arrayFilter(v -> v IN {asked:Identifier}, values_in) AS asked_in,
        arrayFilter(v -> v IN {asked:Identifier}, values_out) AS asked_out
    FROM calls)
WHERE notEmpty(asked_in) OR notEmpty(asked_out)
