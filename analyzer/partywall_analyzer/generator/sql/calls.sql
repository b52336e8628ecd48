-- The tool calls among them, with what they touched and the values that they carried.
INSERT INTO calls (
    tenant_id, placement, session_id, request_id, trace_id, span_id, parent_span_id, start_time,
    end_time, received_at, step, tool, server, agent, identity, credential_id, operation, datasets,
    values_in, values_out, principal, attestation)
-- {base}
SELECT
    tenant_id, placement, session_id, session_id, trace_id, span_id, parent_span_id, start_time,
    end_time, end_time, 'tool',
    concat('tool', toString(cityHash64('tool', {seed:UInt64}, number) % 30)), '', agent, identity,
    concat('cred-', session_id, if(serves_many(s), concat('-', tenant_id), '')), act,
    [(dataset, act)],
    if(act = 'write' AND place > 0,
        arrayDistinct(arrayConcat(
            arrayFlatten(arrayMap(
                back -> if(act_of(number - back) = 'read',
                    values_of(number - back, dataset_of(number - back, tenant)), []),
                range(1, least(4, place + 1)))),
            hot_of(number))),
        []),
    if(act = 'read', values_of(number, dataset), []),
    concat('agents@', tenant_id), 'A1'
FROM numbered
WHERE act != ''
