-- Steps bound to another tenant than the step that started them.
SELECT
    lower(hex(child.trace_id)) AS subject, parent.tenant_id AS from_tenant,
    child.tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, child.step AS act,
    false AS sensitive,
    lower(hex(parent.trace_id)) AS source_trace, lower(hex(parent.span_id)) AS source_span,
    emptyArrayUInt64() AS carried,
    child.trace_id AS trace_id, child.span_id AS span_id, child.start_time AS start_time,
    child.session_id AS session_id, child.request_id AS request_id, child.agent AS agent,
    child.identity AS identity, called.credential_id AS credential_id,
    called.approval_id AS approval_id, called.policy_id AS policy_id,
    called.policy_decision AS policy_decision,
    if(called.tool != '', called.tool, child.name) AS tool, child.attestation AS attestation,
    child.tenant_id AS tenant_id
FROM (SELECT * FROM {spans:Identifier} WHERE trace_id IN {mixed_traces:Identifier}) AS child
INNER JOIN (SELECT * FROM {spans:Identifier} WHERE trace_id IN {mixed_traces:Identifier}) AS parent
    ON parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id
LEFT ANY JOIN (SELECT * FROM {calls:Identifier} WHERE trace_id IN {mixed_traces:Identifier}) AS called
    ON called.trace_id = child.trace_id AND called.span_id = child.span_id
WHERE parent.tenant_id != child.tenant_id
