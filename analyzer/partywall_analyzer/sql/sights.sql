-- Findings as far as routes look at them.
SELECT
    finding_id, rule, severity, state, credential_id, session_tenant,
    arrayMap(standing -> (standing.tenant, standing.state), standings) AS states,
    intDiv(toUnixTimestamp64Nano(last_seen), 1000) AS last_seen_us
FROM current_findings
