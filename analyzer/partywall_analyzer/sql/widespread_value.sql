-- The first call of each tenant that holds a value of another tenant's data and never read it from its
-- own data or a commons, where more than eight tenants do.
SELECT
    lower(hex(value)) AS subject, origin.owner AS from_tenant, {several:String} AS to_tenant,
    '' AS dataset, origin.dataset AS source_dataset, '' AS party_kind, '' AS party,
    first.operation AS act, false AS sensitive, origin.trace AS source_trace,
    origin.span AS source_span, [value] AS carried,
    toFixedString(unhex(first.trace), 16) AS trace_id,
    toFixedString(unhex(first.span), 8) AS span_id,
    fromUnixTimestamp64Nano(first.start_ns, 'UTC') AS start_time, first.session_id AS session_id,
    first.request_id AS request_id, first.agent AS agent, first.identity AS identity,
    first.credential_id AS credential_id, first.approval_id AS approval_id,
    first.policy_id AS policy_id, first.policy_decision AS policy_decision, first.tool AS tool,
    first.attestation AS attestation, tenant_id, value
FROM (
    SELECT *, count() OVER (PARTITION BY value) AS tenants
    FROM {spread:Identifier}
    WHERE origin.owner != '' AND tenant_id != origin.owner
)
WHERE tenants > 8
