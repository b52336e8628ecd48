-- Values that prove nothing: held by more than eight tenants, or first read from a commons.
CREATE TABLE {ignored:Identifier} ENGINE = Memory AS
SELECT value FROM (
    SELECT arrayJoin(arrayConcat(values_in, values_out)) AS value, tenant_id FROM {calls_of_values:Identifier}
) GROUP BY value HAVING length(groupUniqArray(9)(tenant_id)) > 8
UNION DISTINCT
SELECT value FROM (
    SELECT value, argMin(public, (end_time, span_id, public)) AS first_public
    FROM (
        SELECT
            arrayJoin(values_out) AS value, end_time, span_id,
            hasAny(datasets.id, (SELECT groupArray(id) FROM {commons:Identifier})) AS public
        FROM {calls_of_values:Identifier} WHERE notEmpty(values_out)
    ) GROUP BY value
) WHERE first_public
