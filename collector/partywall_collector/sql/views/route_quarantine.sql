-- Refused spans with the reason, whole but for content: of a span that no tenant answers for, it is
-- never kept. `span` is what a release makes a span of again.
CREATE MATERIALIZED VIEW route_quarantine TO quarantine AS
SELECT
    received_at, reason, principal, principal_tenants, claimed_tenants,
    lower(hex(decoded.trace_id)) AS trace_id,
    lower(hex(decoded.span_id)) AS span_id,
    name, service,
    toJSONString(CAST(
        (
            name, span_kind, status_code,
            toUnixTimestamp64Nano(start_time), toUnixTimestamp64Nano(end_time),
            lower(hex(parent_span_id)), trace_state, flags, scope_name, scope_version,
            partywall_kept_list(attributes, attribute_types),
            partywall_kept_list(resource, resource_types),
            arrayMap(
                event -> (
                    toUnixTimestamp64Nano(event.time), event.name,
                    partywall_kept_list(event.attributes, event.attribute_types)),
                events),
            arrayMap(
                link -> (
                    lower(hex(link.trace_id)), lower(hex(link.span_id)), link.trace_state,
                    partywall_kept_list(link.attributes, link.attribute_types)),
                links)
        ) AS Tuple(
            name String, kind Int32, status Int32,
            start_time_unix_nano Int64, end_time_unix_nano Int64,
            parent_span_id String, trace_state String, flags UInt32,
            scope_name String, scope_version String,
            attributes Array(Tuple(key String, value String, type String)),
            resource Array(Tuple(key String, value String, type String)),
            events Array(Tuple(
                time_unix_nano Int64, name String,
                attributes Array(Tuple(key String, value String, type String)))),
            links Array(Tuple(
                trace_id String, span_id String, trace_state String,
                attributes Array(Tuple(key String, value String, type String))))
        ))) AS span,
    request_sha256
FROM decoded
WHERE reason != ''
