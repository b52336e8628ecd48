-- Calls that write to or reach B after a call that read A's data, with the latest such read: in the
-- same session if a fingerprint came out of the read and went into the call, else in the same trace.
WITH
    ['', 'none', 'read', 'fetch', 'get', 'list', 'search', 'query'] AS reads,
    sinks AS (SELECT * FROM {touches:Identifier} WHERE party != '' OR act NOT IN reads),
    sources AS (
        SELECT *, end_time AS had_at, lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span
        FROM {touches:Identifier} WHERE party = '' AND act IN reads),
    news AS (
        SELECT s.*
        FROM (SELECT *, arrayJoin(values_in) AS value FROM sinks) AS s
        LEFT JOIN (
            SELECT session_id, value, owner, min(had_at) AS had_first
            FROM {had:Identifier} GROUP BY session_id, value, owner
        ) AS own
            ON own.session_id = s.session_id AND own.value = s.value AND own.owner = s.owner
        WHERE own.owner = '' OR own.had_first > s.start_time),
    by_value AS (
        SELECT
            sink.*, source.owner AS source_owner, source.dataset AS source_dataset,
            source.trace AS source_trace, source.span AS source_span,
            source.had_at AS had_at, sink.value AS value
        FROM (
            SELECT s.*, arrayJoin(o.owners) AS wanted
            FROM news AS s
            INNER JOIN (
                SELECT session_id, value, groupUniqArray(owner) AS owners
                FROM {had:Identifier} GROUP BY session_id, value
            ) AS o ON o.session_id = s.session_id AND o.value = s.value
        ) AS sink
        ASOF INNER JOIN {had:Identifier} AS source
            ON source.session_id = sink.session_id AND source.value = sink.value
            AND source.owner = sink.wanted AND sink.start_time >= source.had_at
        WHERE sink.wanted != sink.owner),
    by_order AS (
        SELECT
            sink.*, source.owner AS source_owner, source.dataset AS source_dataset,
            source.trace AS source_trace, source.span AS source_span, source.had_at AS had_at
        FROM (
            SELECT s.*, arrayJoin(o.owners) AS wanted
            FROM (SELECT * FROM sinks WHERE owner != {external:String}) AS s
            INNER JOIN (
                SELECT trace_id, groupUniqArray(owner) AS owners FROM sources GROUP BY trace_id
            ) AS o ON o.trace_id = s.trace_id
        ) AS sink
        ASOF INNER JOIN sources AS source
            ON source.trace_id = sink.trace_id AND source.owner = sink.wanted
            AND sink.start_time >= source.had_at
        WHERE sink.wanted != sink.owner)
SELECT
    concat(session_id, '|', source_owner, '>', owner) AS subject,
    source_owner AS from_tenant, owner AS to_tenant,
    dataset, argMax(source_dataset, rank) AS source_dataset, party_kind, party, act,
    any(sensitive) AS sensitive,
    argMax(source_trace, rank) AS source_trace, argMax(source_span, rank) AS source_span,
    argMax(carried, rank) AS carried,
    trace_id, span_id, start_time, session_id, any(request_id) AS request_id, any(agent) AS agent,
    any(identity) AS identity, any(credential_id) AS credential_id,
    any(approval_id) AS approval_id, any(policy_id) AS policy_id,
    any(policy_decision) AS policy_decision, any(tool) AS tool, any(attestation) AS attestation,
    tenant_id
FROM (
    SELECT
        session_id, source_owner, owner, dataset, source_dataset, party_kind, party, act, sensitive,
        source_trace, source_span, arraySort(groupUniqArray(value)) AS carried,
        (uniqExact(value), max(had_at), source_span) AS rank,
        trace_id, span_id, start_time, any(request_id) AS request_id, any(agent) AS agent,
        any(identity) AS identity, any(credential_id) AS credential_id,
        any(approval_id) AS approval_id, any(policy_id) AS policy_id,
        any(policy_decision) AS policy_decision, any(tool) AS tool,
        any(attestation) AS attestation, tenant_id
    FROM by_value
    GROUP BY
        session_id, source_owner, owner, dataset, source_dataset, party_kind, party, act, sensitive,
        source_trace, source_span, trace_id, span_id, start_time, tenant_id
    UNION ALL
    SELECT
        session_id, source_owner, owner, dataset, source_dataset, party_kind, party, act, sensitive,
        source_trace, source_span, emptyArrayUInt64() AS carried,
        (toUInt64(0), had_at, source_span) AS rank,
        trace_id, span_id, start_time, request_id, agent, identity, credential_id,
        approval_id, policy_id, policy_decision, tool, attestation, tenant_id
    FROM by_order
)
GROUP BY
    session_id, source_owner, owner, dataset, party_kind, party, act,
    trace_id, span_id, start_time, tenant_id
