-- The values that calls held at a dataset of another tenant, a commons, or one that changed hands.
INSERT INTO {facts:Identifier} (value, is_foreign, is_public_somewhere, is_changed)
SELECT value, max(foreign), max(public AND came_out), max(changed)
FROM (
    SELECT
        entry.1 AS value, entry.2 AS came_out,
        arrayExists(id -> (tenant_id, id) IN (
            SELECT tenant_id, id FROM {strangers:Identifier}), datasets.id) AS foreign,
        arrayExists(id -> id IN {commons:Identifier}, datasets.id) AS public,
        hasAny(datasets.id, {changed_datasets:Array(String)}) AS changed
    FROM {valued:Identifier}
    ARRAY JOIN arrayConcat(
        arrayMap(v -> (v, false), values_in), arrayMap(v -> (v, true), values_out)) AS entry
    WHERE arrayExists(id -> id IN (
            SELECT id FROM {strangers:Identifier}
            UNION DISTINCT SELECT id FROM {commons:Identifier}
            UNION DISTINCT SELECT arrayJoin({changed_datasets:Array(String)})), datasets.id)
)
WHERE foreign OR public OR changed
GROUP BY value
