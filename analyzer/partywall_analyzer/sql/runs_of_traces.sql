-- The outermost agent run of each trace and tenant: who ran, and for which person.
SELECT
    tenant_id,
    lower(hex(trace_id)) AS trace,
    argMin(lower(hex(span_id)), (start_time, span_id)) AS span,
    argMin(agent, (start_time, span_id)) AS agent,
    argMin(
        arrayFirst(text -> text != '', arrayMap(name -> attributes[name], {subjects:Array(String)})),
        (start_time, span_id)) AS subject
FROM spans
WHERE step = 'agent'
    AND placement IN (SELECT placement FROM tenants WHERE tenant_id IN {tenants:Array(String)})
    AND tenant_id IN {tenants:Array(String)}
    AND trace_id IN (SELECT unhex(arrayJoin({traces:Array(String)})))
GROUP BY tenant_id, trace_id
