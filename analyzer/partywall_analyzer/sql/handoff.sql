-- Steps bound to another tenant than the step that started them: their parent, or a linked span.
SELECT
    lower(hex(child.trace_id)) AS subject, child.from_tenant AS from_tenant,
    child.tenant_id AS to_tenant,
    '' AS dataset, '' AS source_dataset, '' AS party_kind, '' AS party, child.step AS act,
    false AS sensitive,
    lower(hex(child.from_trace)) AS source_trace, lower(hex(child.from_span)) AS source_span,
    emptyArrayUInt64() AS carried,
    child.trace_id AS trace_id, child.span_id AS span_id, child.start_time AS start_time,
    child.session_id AS session_id, child.request_id AS request_id, child.agent AS agent,
    child.identity AS identity, called.credential_id AS credential_id,
    called.approval_id AS approval_id, called.policy_id AS policy_id,
    called.policy_decision AS policy_decision,
    if(called.tool != '', called.tool, child.name) AS tool, child.attestation AS attestation,
    child.tenant_id AS tenant_id
FROM (
    SELECT
        step.*, parent.trace_id AS from_trace, parent.span_id AS from_span,
        parent.tenant_id AS from_tenant
    FROM (
        SELECT
            trace_id, span_id, parent_span_id, tenant_id, session_id, request_id, start_time, step,
            name, agent, identity, attestation
        FROM {spans:Identifier} WHERE trace_id IN {mixed_traces:Identifier}
    ) AS step
    INNER JOIN (
        SELECT trace_id, span_id, tenant_id FROM {spans:Identifier}
        WHERE trace_id IN {mixed_traces:Identifier}
    ) AS parent ON parent.trace_id = step.trace_id AND parent.span_id = step.parent_span_id
    WHERE parent.tenant_id != step.tenant_id
    UNION ALL
    SELECT
        step.*, linked.from_trace AS from_trace, linked.from_span AS from_span,
        linked.from_tenant AS from_tenant
    FROM (
        SELECT
            trace_id, span_id, parent_span_id, tenant_id, session_id, request_id, start_time, step,
            name, agent, identity, attestation
        FROM {spans:Identifier} WHERE trace_id IN (SELECT trace_id FROM {linked:Identifier})
    ) AS step
    INNER JOIN {linked:Identifier} AS linked
        ON linked.trace_id = step.trace_id AND linked.span_id = step.span_id
) AS child
LEFT ANY JOIN (
    SELECT * FROM {calls:Identifier}
    WHERE trace_id IN {mixed_traces:Identifier}
        OR trace_id IN (SELECT trace_id FROM {linked:Identifier})
) AS called
    ON called.trace_id = child.trace_id AND called.span_id = child.span_id
