-- The crossing calls of some rules, grouped by all that a verdict depends on. `epoch` counts the starts
-- and ends of grants and credentials before a call: within one epoch every grant is valid or not. A
-- tool is told apart if an approval of either side names it.
WITH approved AS (
    SELECT tupleElement(pair, 1), tupleElement(pair, 2)
    FROM (SELECT arrayJoin({approved_tools:Array(Tuple(String, String))}) AS pair))
SELECT
    rule, subject, from_tenant, to_tenant, dataset, party_kind, party, act, approval_id, request_id,
    credential_id, policy_id, policy_decision, attestation, tenant_id, epoch,
    groupArraySorted(1000)((
        start_time, lower(hex(trace_id)), lower(hex(span_id)), source_trace, source_span,
        source_dataset, carried)) AS crossings,
    argMin((session_id, agent, identity, tool), (start_time, span_id)) AS facts,
    max(sensitive) AS sensitive,
    uniqExact(trace_id, span_id) AS n,
    intDiv(toUnixTimestamp64Nano(min(start_time)), 1000) AS first_us,
    intDiv(toUnixTimestamp64Nano(max(start_time)), 1000) AS last_us
FROM (
    SELECT
        crossing.*, epochs.n AS epoch,
        if((from_tenant, tool) IN approved OR (to_tenant, tool) IN approved, tool, '') AS by_tool
    FROM (
        SELECT *, 1 AS one FROM {crossings:Identifier} WHERE rule IN {grouped_rules:Array(String)}
    ) AS crossing
    ASOF LEFT JOIN {epochs:Identifier} AS epochs
        ON epochs.one = crossing.one AND crossing.start_time >= epochs.at
)
GROUP BY
    rule, subject, from_tenant, to_tenant, dataset, party_kind, party, act, approval_id, request_id,
    credential_id, policy_id, policy_decision, attestation, tenant_id, epoch, by_tool
ORDER BY
    rule, subject, from_tenant, to_tenant, first_us, act, dataset, party, approval_id, epoch, by_tool
