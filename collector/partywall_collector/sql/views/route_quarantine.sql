-- Refused spans with the reason; of a span that no tenant answers for, content is never kept.
CREATE MATERIALIZED VIEW route_quarantine TO quarantine AS
SELECT
    received_at, reason, principal, principal_tenants, claimed_tenants,
    lower(hex(decoded.trace_id)) AS trace_id,
    lower(hex(decoded.span_id)) AS span_id,
    name, service,
    toJSONString(CAST(
        (
            name, span_kind, status_code, start_time, end_time,
            lower(hex(parent_span_id)),
            partywall_kept(attributes, false),
            partywall_kept(resource, false),
            arrayMap(event -> (event.time, event.name, partywall_kept(event.attributes, false)), events)
        ) AS Tuple(
            name String, kind Int32, status Int32,
            start_time DateTime64(9, 'UTC'), end_time DateTime64(9, 'UTC'),
            parent_span_id String,
            attributes Map(String, String),
            resource Map(String, String),
            events Array(Tuple(time DateTime64(9, 'UTC'), name String, attributes Map(String, String)))
        ))) AS span,
    request_sha256
FROM decoded
WHERE reason != ''
