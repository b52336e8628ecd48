-- Calls that move a value on which was first read from A's data, was then written to a dataset by
-- another session, and was first seen in this session when it was read from there. The clocks of two
-- sessions may differ by so much that a value seems to have been read before it was written.
WITH
    origins AS (
        SELECT
            value, argMin(owner, (end_time, span_id, owner)) AS origin, min(end_time) AS had_first
        FROM {held:Identifier}
        WHERE came_out AND is_read AND owner != ''
        GROUP BY value),
    sources AS (
        SELECT value, owner, dataset, end_time, trace_id, span_id
        FROM {held:Identifier}
        WHERE came_out AND is_read AND owner != ''),
    known AS (
        SELECT value AS what, who, min(start_time) AS since
        FROM (
            SELECT value, start_time, arrayJoin([whose, toString(tenant_id)]) AS who
            FROM {held:Identifier})
        GROUP BY value, who),
    own AS (
        SELECT value AS what, owner AS holder, min(end_time) AS since
        FROM sources GROUP BY value, owner),
    arrivals AS (
        SELECT
            value, session_id, minIf(end_time, came_out) AS came_at,
            argMinIf(dataset, (end_time, span_id, dataset), came_out) AS first_from,
            argMinIf(owner, (end_time, span_id, dataset), came_out) AS keeper
        FROM {held:Identifier}
        GROUP BY value, session_id
        HAVING countIf(came_out) > 0
            AND (countIf(NOT came_out) = 0 OR minIf(start_time, NOT came_out) >= came_at)),
    written AS (
        SELECT value, dataset, session_id, start_time, end_time
        FROM {held:Identifier}
        WHERE NOT came_out AND NOT is_read AND dataset != ''),
    first_writes AS (
        SELECT
            value, dataset, groupArraySorted(9)((end_time, start_time, session_id)) AS firsts
        FROM written GROUP BY value, dataset),
    passed AS (
        SELECT
            arrival.value AS value, arrival.session_id AS session_id, arrival.came_at AS came_at,
            arrival.keeper AS keeper, writer.start_time AS written_at, toUInt32(0) AS slack
        FROM (
            SELECT * FROM arrivals WHERE first_from != '' AND first_from NOT IN {commons:Identifier}
        ) AS arrival
        ASOF INNER JOIN written AS writer
            ON writer.value = arrival.value AND writer.dataset = arrival.first_from
            AND arrival.came_at >= writer.end_time
        WHERE writer.session_id != arrival.session_id
        UNION ALL
        SELECT value, session_id, came_at, keeper, early.2 AS written_at, {clock_skew:UInt32} AS slack
        FROM (
            SELECT
                arrival.value AS value, arrival.session_id AS session_id,
                arrival.came_at AS came_at, arrival.keeper AS keeper,
                arrayFirst(write -> write.3 != arrival.session_id, writes.firsts) AS early
            FROM arrivals AS arrival
            INNER JOIN first_writes AS writes
                ON writes.value = arrival.value AND writes.dataset = arrival.first_from
            WHERE arrival.first_from NOT IN {commons:Identifier}
        )
        WHERE early.3 != '' AND early.1 > came_at AND early.1 <= came_at + toIntervalSecond({clock_skew:UInt32})),
    brought AS (
        SELECT
            p.value AS what, p.session_id AS within, p.came_at AS came_at,
            p.keeper AS keeper, source.owner AS holder,
            p.had_first - toIntervalSecond(p.slack) AS had_first,
            source.dataset AS place, lower(hex(source.trace_id)) AS trace,
            lower(hex(source.span_id)) AS span, source.end_time AS had_at
        FROM (
            SELECT passed.*, origins.origin AS origin, origins.had_first AS had_first
            FROM passed INNER JOIN origins ON origins.value = passed.value
        ) AS p
        ASOF INNER JOIN sources AS source
            ON source.value = p.value AND source.owner = p.origin
            AND p.written_at >= source.end_time
        WHERE p.keeper != source.owner),
    moved AS (
        SELECT
            sink.*, b.holder AS origin, b.had_first AS had_first, b.place AS source_dataset,
            b.trace AS source_trace, b.span AS source_span, b.had_at AS had_at
        FROM (SELECT * FROM {held:Identifier} WHERE NOT came_out AND NOT is_read) AS sink
        INNER JOIN brought AS b ON b.what = sink.value AND b.within = sink.session_id
        WHERE sink.start_time >= b.came_at AND sink.whose NOT IN (b.holder, b.keeper)),
    news AS (
        SELECT m.*
        FROM moved AS m
        LEFT JOIN known ON known.what = m.value AND known.who = m.whose
        LEFT JOIN own ON own.what = m.value AND own.holder = m.whose
        WHERE (known.who = '' OR known.since >= m.had_first)
            AND (own.holder = '' OR own.since > m.start_time))
SELECT
    concat(session_id, '|', origin, '>', whose) AS subject, origin AS from_tenant,
    whose AS to_tenant,
    dataset, argMax(source_dataset, rank) AS source_dataset, '' AS party_kind, '' AS party, act,
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
        origin, whose, dataset, source_dataset, source_trace, source_span, act,
        any(sensitive) AS sensitive, arraySort(groupUniqArray(value)) AS carried,
        (uniqExact(value), max(had_at), source_span) AS rank,
        trace_id, span_id, start_time, session_id, any(request_id) AS request_id,
        any(agent) AS agent, any(identity) AS identity, any(credential_id) AS credential_id,
        any(approval_id) AS approval_id, any(policy_id) AS policy_id,
        any(policy_decision) AS policy_decision, any(tool) AS tool,
        any(attestation) AS attestation, tenant_id
    FROM news
    GROUP BY
        origin, whose, dataset, source_dataset, source_trace, source_span, act,
        trace_id, span_id, start_time, session_id, tenant_id
)
GROUP BY origin, whose, dataset, act, trace_id, span_id, start_time, session_id, tenant_id
