-- Reads what landed in `ingest`: one row a span, with its facts and, if it is refused, the reason.
CREATE MATERIALIZED VIEW decode TO decoded AS
WITH
    -- Every version of every tenant, the newest first: a span is judged by what was registered when it
    -- was received, so that a segment that is loaded again goes the same way again.
    (
        SELECT CAST(
            (groupArray(tenant_id), groupArray(versions))
            AS Tuple(
                ids Array(String),
                versions Array(Array(Tuple(since DateTime64(6, 'UTC'), placement String, store_content Bool)))))
        FROM
        (
            SELECT tenant_id, arrayReverseSort(groupArray((recorded_at, placement, store_content))) AS versions
            FROM tenants
            GROUP BY tenant_id
        )
    ) AS registered,
    resource_level AS (
        SELECT
            principal, tenants, attestation, received_at, sha256, chosen_tenant, grants,
            arrayJoin(request.resource_spans) AS sent_resource
        FROM ingest
    ),
    scope_level AS (
        SELECT
            principal, tenants, attestation, received_at, sha256, chosen_tenant, grants,
            partywall_sent(sent_resource.resource.attributes) AS resource_attributes,
            partywall_texts(resource_attributes) AS resource,
            partywall_types(resource_attributes) AS resource_types,
            arrayJoin(sent_resource.scope_spans) AS sent_scope
        FROM resource_level
    ),
    span_level AS (
        SELECT
            principal, tenants, attestation, received_at, sha256, chosen_tenant, grants,
            resource, resource_types,
            sent_scope.scope AS scope,
            arrayJoin(sent_scope.spans) AS span
        FROM scope_level
    ),
    texts AS (
        SELECT
            *,
            partywall_sent(span.attributes) AS span_attributes,
            partywall_texts(span_attributes) AS attributes,
            partywall_types(span_attributes) AS attribute_types
        FROM span_level
    ),
    claims AS (
        SELECT
            *,
            arrayDistinct(arrayConcat(partywall_claims(attributes), partywall_claims(resource))) AS own_claims,
            firstNonDefault(${TENANT of attributes}, ${TENANT of resource}) AS first_claim,
            -- What names no tenant belongs to the one that a gateway chose for its request.
            multiIf(
                notEmpty(own_claims), own_claims,
                first_claim != '', [first_claim],
                chosen_tenant != '', [chosen_tenant],
                []) AS claimed,
            registered.versions[transform(claimed[1], registered.ids, arrayEnumerate(registered.ids), 0)] AS versions,
            arrayFilter(version -> version.since <= partywall_time(received_at), versions) AS known,
            known[1] AS tenant,
            -- What the collector found out about the grant of the span's session, if it brought one.
            arrayFirst(
                grant -> grant.session = firstNonDefault(
                    attributes['${SESSION_ID}'], resource['${SESSION_ID}'], lower(hex(span.trace_id))),
                grants) AS granted
        FROM texts
    )
SELECT
    multiIf(
        empty(claimed), 'no tenant',
        length(claimed) > 1, 'two tenants',
        NOT has(tenants, claimed[1]) AND tenants != ['*'], 'foreign tenant',
        empty(known), 'unknown tenant',
        NOT partywall_is_id(span.trace_id, 16) OR NOT partywall_is_id(span.span_id, 8)
            OR length(span.parent_span_id) NOT IN (0, 8), 'bad id',
        partywall_repeats(attributes) OR partywall_repeats(resource), 'duplicate attribute',
        granted.session != '' AND granted.tenant != claimed[1], 'bad grant',
        '') AS reason,
    claimed[1] AS tenant_id,
    tenant.placement AS placement,
    tenant.store_content AS store_content,
    claimed AS claimed_tenants,
    principal,
    tenants AS principal_tenants,
    if(
        granted.session != '' AND identity IN ('', granted.identity) AND request_id IN ('', granted.request),
        'A2', claims.attestation) AS attestation,
    partywall_time(received_at) AS received_at,
    toFixedString(substring(sha256, 1, 32), 32) AS request_sha256,
    span.trace_id AS trace_id,
    span.span_id AS span_id,
    span.parent_span_id AS parent_span_id,
    partywall_time(span.start_time_unix_nano) AS start_time,
    partywall_time(span.end_time_unix_nano) AS end_time,
    span.name AS name,
    partywall_step(name, attributes) AS step,
    firstNonDefault(
        ${SESSION of attributes}, ${SESSION of resource},
        request_id,
        lower(hex(trace_id))) AS session_id,
    firstNonDefault(${REQUEST of attributes}, ${REQUEST of resource}) AS request_id,
    firstNonDefault(${AGENT of attributes}, ${AGENT of resource}) AS agent,
    firstNonDefault(${IDENTITY of attributes}, ${IDENTITY of resource}) AS identity,
    span.kind AS span_kind,
    span.status.code AS status_code,
    span.status.message AS status_message,
    span.trace_state AS trace_state,
    span.flags AS flags,
    resource['service.name'] AS service,
    scope.name AS scope_name,
    scope.version AS scope_version,
    attributes,
    attribute_types,
    resource,
    resource_types,
    arrayMap(
        event -> (
            partywall_time(event.time_unix_nano),
            event.name,
            partywall_texts(partywall_sent(event.attributes)),
            partywall_types(partywall_sent(event.attributes))),
        span.events) AS events,
    arrayMap(
        link -> (
            toFixedString(substring(link.trace_id, 1, 16), 16),
            toFixedString(substring(link.span_id, 1, 8), 8),
            link.trace_state,
            partywall_texts(partywall_sent(link.attributes)),
            partywall_types(partywall_sent(link.attributes))),
        span.links) AS links
FROM claims
