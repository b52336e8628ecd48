-- Many spans.
INSERT INTO spans (
    tenant_id, placement, session_id, request_id, trace_id, span_id, parent_span_id, start_time,
    end_time, received_at, name, step, agent, identity, span_kind, principal, attestation)
-- {base}
SELECT
    tenant_id, placement, session_id, session_id, trace_id, span_id, parent_span_id, start_time,
    end_time, end_time,
    if(act = '', if(place = 0, 'invoke_agent', 'chat'), concat('execute_tool ', act)),
    if(act = '', if(place = 0, 'agent', 'model'), 'tool'), agent, identity, 1,
    concat('agents@', tenant_id), 'A1'
FROM numbered
