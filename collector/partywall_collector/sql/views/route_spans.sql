-- Accepted spans, whole but for content that the tenant does not have stored, and the facts of a call
-- that `route_calls` puts into columns.
CREATE MATERIALIZED VIEW route_spans TO spans AS
WITH
    (SELECT any(secret) FROM current_fingerprint_keys WHERE of_results HAVING count() > 0) AS secret,
    step IN ('tool', 'handoff') AND partywall_epoch_fits(decoded.attributes, secret) AS in_calls,
    arrayMap(event -> (
        event.time,
        event.name,
        partywall_kept(event.attributes, store_content),
        partywall_kept(event.attribute_types, store_content)), decoded.events) AS kept_events,
    arrayMap(link -> (
        link.trace_id,
        link.span_id,
        link.trace_state,
        partywall_kept(link.attributes, store_content),
        partywall_kept(link.attribute_types, store_content)), decoded.links) AS kept_links,
    partywall_stored(decoded.attributes, store_content, in_calls) AS stored_attributes,
    partywall_kept(decoded.resource, store_content) AS kept_resource,
    if(store_content, decoded.status_message, '') AS kept_status_message
SELECT
    tenant_id, placement, session_id, request_id,
    toFixedString(substring(decoded.trace_id, 1, 16), 16) AS trace_id,
    toFixedString(substring(decoded.span_id, 1, 8), 8) AS span_id,
    toFixedString(substring(decoded.parent_span_id, 1, 8), 8) AS parent_span_id,
    start_time, end_time, received_at,
    name, step, agent, identity, span_kind, status_code,
    kept_status_message AS status_message,
    trace_state, flags,
    toUInt32OrZero(decoded.attributes['${SESSION_SEQUENCE}']) AS sequence,
    service, scope_name, scope_version,
    stored_attributes AS attributes,
    partywall_stored(decoded.attribute_types, store_content, in_calls) AS attribute_types,
    kept_resource AS resource,
    partywall_kept(decoded.resource_types, store_content) AS resource_types,
    kept_events AS events,
    kept_links AS links,
    if(store_content, 0, arrayCount(name -> partywall_is_content(name), mapKeys(decoded.attributes)))
        + length(decoded.resource) - length(kept_resource)
        + arraySum(event -> length(event.attributes), decoded.events)
        - arraySum(event -> length(event.3), kept_events)
        + arraySum(link -> length(link.attributes), decoded.links)
        - arraySum(link -> length(link.4), kept_links)
        + (decoded.status_message != kept_status_message) AS dropped_content,
    principal, attestation, request_sha256
FROM decoded
WHERE reason = ''
