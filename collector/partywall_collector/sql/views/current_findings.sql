-- The newest revision of each finding, and where each of its tenants stands with it: nobody was told
-- (`new`), `open`, `acknowledged`, or `closed` at a severity that it has not risen above since. The
-- whole stands where the least advanced of its tenants does. One that no single tenant has a half of
-- stands where the operator does, who has no name here.
CREATE VIEW current_findings AS
SELECT
    newest.* EXCEPT (state),
    ['info', 'low', 'medium', 'high', 'critical'] AS severities,
    ['new', 'open', 'acknowledged', 'closed'] AS states,
    arrayDistinct(arrayFilter(
        side -> side NOT IN ('', 'outside', 'several', 'erased'),
        [toString(from_tenant), toString(to_tenant), toString(session_tenant)])) AS named,
    if(empty(named), [''], named) AS sides,
    arrayMap(side -> decisions[indexOf(answered, side)], sides) AS decided,
    arrayMap(
        (side, last) -> indexOf(severities, severity) > indexOf(severities, last.severity)
            AND last.kind = 'close',
        sides, decided) AS risen,
    arrayMap(
        (side, last, rose) -> CAST(
            (
                side,
                multiIf(
                    NOT has(answered, side), 'new',
                    last.kind = 'ack', 'acknowledged',
                    last.kind = 'close' AND NOT rose, 'closed',
                    'open'),
                last.actor,
                if(rose, concat('rose to ', severity), last.reason),
                toUnixTimestamp64Micro(last.at)
            ),
            'Tuple(tenant String, state String, actor String, reason String, at_us Int64)'),
        sides, decided, risen) AS standings,
    arrayMap(standing -> indexOf(states, standing.state), standings) AS ranks,
    multiIf(
        newest.state = 'withdrawn', 'withdrawn',
        arrayMin(ranks) = 1 AND arrayMax(ranks) > 1, 'open',
        states[arrayMin(ranks)]) AS state
FROM (SELECT * FROM ledger ORDER BY recorded_at DESC, revision DESC LIMIT 1 BY finding_id) AS newest
LEFT JOIN (
    SELECT finding_id, groupArray(toString(tenant_id)) AS answered, groupArray(decision) AS decisions
    FROM (
        SELECT
            finding_id, tenant_id,
            argMaxIf(
                CAST(
                    (kind, severity, actor, reason, at),
                    'Tuple(kind String, severity String, actor String, reason String, at DateTime64(6, \'UTC\'))'),
                (recorded_at, response_id),
                kind IN ('ack', 'close', 'reopen')) AS decision
        FROM responses
        GROUP BY finding_id, tenant_id
    )
    GROUP BY finding_id
) AS given USING (finding_id)
