-- Findings in scope, the newest revision of each, most urgent first. `total` counts all that match.
SELECT
    finding_id, rule, title, sentence, severity, verdict, reasons, proof, attestation,
    from_tenant, to_tenant, session_tenant, subject, session_id, request_id, trace_id, agent, identity,
    credential_id, dataset, party, operation, calls, sources, chain, evidence, state, standings,
    toUnixTimestamp64Micro(recorded_at) AS recorded_at_us,
    intDiv(toUnixTimestamp64Nano(first_seen), 1000) AS first_seen_us,
    intDiv(toUnixTimestamp64Nano(last_seen), 1000) AS last_seen_us,
    count() OVER () AS total
FROM current_findings
WHERE ({everything:Bool} OR (
        from_tenant IN {tenants:Array(String)}
        AND (to_tenant IN {tenants:Array(String)} OR to_tenant = {external:String})))
    AND toUnixTimestamp64Micro(toDateTime64(last_seen, 6, 'UTC')) >= {since_us:Int64}
    AND (empty({ids:Array(String)}) OR arrayExists(id -> startsWith(finding_id, id), {ids:Array(String)}))
    AND (empty({severities:Array(String)}) OR severity IN {severities:Array(String)})
    AND (empty({verdicts:Array(String)}) OR verdict IN {verdicts:Array(String)})
    AND (empty({states:Array(String)}) OR state IN {states:Array(String)})
    AND (empty({rules:Array(String)}) OR rule IN {rules:Array(String)})
    AND ({from_tenant:String} = '' OR from_tenant = {from_tenant:String})
    AND ({to_tenant:String} = '' OR to_tenant = {to_tenant:String})
    AND ({search:String} = '' OR positionCaseInsensitiveUTF8(
        concatWithSeparator('\n', finding_id, title, sentence, rule, session_id, request_id,
            trace_id, agent, identity, credential_id, dataset, party), {search:String}) > 0)
ORDER BY
    indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) DESC,
    last_seen DESC, finding_id
LIMIT {limit:UInt32}
