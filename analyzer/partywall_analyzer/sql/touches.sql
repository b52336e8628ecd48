-- Each access of a call to a tenant's dataset and each foreign party of a call, with the owner, in
-- the sessions and traces in which more than one tenant appears. A failed call touches nothing.
CREATE TABLE {touches:Identifier} ENGINE = Memory AS
WITH meeting AS (
    SELECT * FROM {met:Identifier}
    WHERE NOT failed AND (
        session_id IN (
            SELECT session_id FROM {mixed_sessions:Identifier}
            UNION DISTINCT SELECT session_id FROM {meeting:Identifier})
        OR trace_id IN (
            SELECT trace_id FROM {mixed_runs:Identifier}
            UNION DISTINCT SELECT trace_id FROM {meeting:Identifier})))
SELECT
    calls.tenant_id AS tenant_id, calls.session_id AS session_id,
    calls.request_id AS request_id, calls.trace_id AS trace_id, calls.span_id AS span_id,
    calls.start_time AS start_time, calls.end_time AS end_time, calls.agent AS agent,
    calls.identity AS identity, calls.credential_id AS credential_id,
    calls.approval_id AS approval_id, calls.policy_id AS policy_id,
    calls.policy_decision AS policy_decision, calls.tool AS tool,
    calls.attestation AS attestation, calls.values_in AS values_in,
    calls.values_out AS values_out,
    access.id AS dataset, '' AS party_kind, '' AS party,
    if(access.operation != '', access.operation, calls.operation) AS act,
    owners.owner AS owner, owners.sensitive AS sensitive
FROM meeting AS calls
ARRAY JOIN calls.datasets AS access
INNER JOIN {owners:Identifier} AS owners ON owners.id = access.id
UNION ALL
SELECT
    calls.tenant_id AS tenant_id, calls.session_id AS session_id,
    calls.request_id AS request_id, calls.trace_id AS trace_id, calls.span_id AS span_id,
    calls.start_time AS start_time, calls.end_time AS end_time, calls.agent AS agent,
    calls.identity AS identity, calls.credential_id AS credential_id,
    calls.approval_id AS approval_id, calls.policy_id AS policy_id,
    calls.policy_decision AS policy_decision, calls.tool AS tool,
    calls.attestation AS attestation, calls.values_in AS values_in,
    calls.values_out AS values_out,
    '' AS dataset, name.kind AS party_kind, name.value AS party,
    calls.operation AS act, stranger.owner AS owner, false AS sensitive
FROM meeting AS calls
ARRAY JOIN calls.parties AS name
INNER JOIN {parties:Identifier} AS stranger
    ON stranger.tenant_id = calls.tenant_id AND stranger.session_id = calls.session_id
    AND stranger.request_id = calls.request_id
    AND stranger.kind = name.kind AND stranger.value = name.value
