-- Each access of a call to a tenant's dataset and each foreign party of a call, with the owner, in
-- the sessions and traces in which more than one tenant appears. A failed call touches nothing.
CREATE TABLE {touches:Identifier} ENGINE = Memory AS
WITH
    touched AS (
        SELECT
            calls.*, access.id AS dataset, '' AS party_kind, '' AS party,
            if(access.operation != '', access.operation, calls.operation) AS act,
            owners.owner AS owner, owners.sensitive AS sensitive
        FROM {calls:Identifier} AS calls
        ARRAY JOIN calls.datasets AS access
        INNER JOIN {owners:Identifier} AS owners ON owners.id = access.id
        WHERE NOT calls.failed
        UNION ALL
        SELECT
            calls.*, '' AS dataset, name.kind AS party_kind, name.value AS party,
            calls.operation AS act, stranger.owner AS owner, false AS sensitive
        FROM {calls:Identifier} AS calls
        ARRAY JOIN calls.parties AS name
        INNER JOIN {parties:Identifier} AS stranger
            ON stranger.tenant_id = calls.tenant_id AND stranger.session_id = calls.session_id
            AND stranger.request_id = calls.request_id
            AND stranger.kind = name.kind AND stranger.value = name.value
        WHERE NOT calls.failed
    )
SELECT * FROM touched
WHERE session_id IN (
        SELECT session_id FROM touched GROUP BY session_id
        HAVING min(owner) != max(owner) OR max(owner != tenant_id))
    OR trace_id IN (
        SELECT trace_id FROM touched GROUP BY trace_id
        HAVING min(owner) != max(owner))
