-- Values that prove nothing: held by more than eight tenants, or first read from a commons.
CREATE TABLE {ignored:Identifier} ENGINE = Memory AS
WITH
    (SELECT groupUniqArray(id) FROM {commons:Identifier}) AS commons,
    public AS (
        SELECT DISTINCT arrayJoin(values_out) AS value FROM {calls_of_values:Identifier}
        WHERE hasAny(datasets.id, commons))
SELECT value FROM (
    SELECT
        arrayJoin(arrayFilter(v -> v IN {met:Identifier}, arrayConcat(values_in, values_out)))
            AS value,
        cityHash64(tenant_id) AS tenant
    FROM {calls_of_values:Identifier}
    WHERE notEmpty(values_in) OR notEmpty(values_out)
)
GROUP BY value
HAVING length(groupUniqArray(9)(tenant)) > 8
UNION DISTINCT
SELECT value FROM (
    SELECT
        arrayJoin(arrayFilter(v -> v IN public, values_out)) AS value, end_time, span_id,
        hasAny(datasets.id, commons) AS is_public
    FROM {calls_of_values:Identifier}
    WHERE notEmpty(values_out)
)
GROUP BY value
HAVING argMin(is_public, (end_time, span_id, is_public))
