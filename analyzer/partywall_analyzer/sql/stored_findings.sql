-- The newest revision of some findings.
SELECT
    finding_id, rule, title, sentence, severity, verdict, reasons, proof, attestation,
    from_tenant, to_tenant, session_tenant, subject, session_id, request_id, trace_id, agent, identity,
    credential_id, dataset, party, operation, calls, sources, chain, evidence, state,
    toUnixTimestamp64Micro(recorded_at) AS recorded_at_us,
    intDiv(toUnixTimestamp64Nano(first_seen), 1000) AS first_seen_us,
    intDiv(toUnixTimestamp64Nano(last_seen), 1000) AS last_seen_us
FROM ledger
WHERE finding_id IN {ids:Array(String)}
ORDER BY finding_id, recorded_at DESC, revision DESC
LIMIT 1 BY finding_id
