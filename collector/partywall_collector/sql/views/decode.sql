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
            sent_resource.scope_spans AS sent_scopes
        FROM resource_level
    ),
    -- A value with a name is worked out anew wherever its own level names it, so the next one does.
    resource_facts AS (
        SELECT
            * EXCEPT sent_scopes,
            partywall_claims(resource) AS resource_claims,
            partywall_repeats(resource) AS resource_repeats,
            CAST(
                (
                    firstNonDefault(${TENANT of resource}),
                    firstNonDefault(${SESSION of resource}),
                    firstNonDefault(${REQUEST of resource}),
                    firstNonDefault(${AGENT of resource}),
                    firstNonDefault(${IDENTITY of resource}))
                AS Tuple(tenant String, session String, request String, agent String, identity String)
            ) AS of_resource,
            arrayJoin(sent_scopes) AS sent_scope
        FROM scope_level
    ),
    span_level AS (
        SELECT
            principal, tenants, attestation, received_at, sha256, chosen_tenant, grants,
            resource, resource_types, resource_claims, resource_repeats, of_resource,
            sent_scope.scope AS scope,
            arrayJoin(sent_scope.spans) AS span
        FROM resource_facts
    ),
    texts AS (
        SELECT
            *,
            partywall_sent(span.attributes) AS span_attributes,
            partywall_texts(span_attributes) AS attributes,
            partywall_types(span_attributes) AS attribute_types
        FROM span_level
    ),
    named AS (
        SELECT
            *,
            mapFilter((name, value) -> name IN (${STEP_NAMES}), attributes) AS step_attributes,
            -- What others than our SDK call the facts. Most spans have none of these names, and no span
            -- many: to look for each of them among all attributes costs more than all else here.
            mapFilter((name, value) -> name IN (${OTHER_NAMES}), attributes) AS others
        FROM texts
    ),
    named_by_others AS (
        SELECT
            *,
            arrayMap(
                others -> CAST(
                    (
                        firstNonDefault(${OTHER TENANT of others}),
                        firstNonDefault(${OTHER SESSION of others}),
                        firstNonDefault(${OTHER REQUEST of others}),
                        firstNonDefault(${OTHER AGENT of others}),
                        firstNonDefault(${OTHER IDENTITY of others}, ''))
                    AS Tuple(tenant String, session String, request String, agent String, identity String)),
                arrayFilter(others -> notEmpty(others), [others]))[1] AS of_others
        FROM named
    ),
    claims AS (
        SELECT
            *,
            arrayDistinct(arrayConcat(partywall_claims(attributes), resource_claims)) AS own_claims,
            firstNonDefault(${OWN TENANT of attributes}, of_others.tenant, of_resource.tenant) AS first_claim,
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
        FROM named_by_others
    )
SELECT
    multiIf(
        empty(claimed), 'no tenant',
        length(claimed) > 1, 'two tenants',
        NOT has(tenants, claimed[1]) AND tenants != ['*'], 'foreign tenant',
        empty(known), 'unknown tenant',
        NOT partywall_is_id(span.trace_id, 16) OR NOT partywall_is_id(span.span_id, 8)
            OR length(span.parent_span_id) NOT IN (0, 8), 'bad id',
        partywall_repeats(attributes) OR resource_repeats, 'duplicate attribute',
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
    partywall_step(name, step_attributes) AS step,
    firstNonDefault(
        ${OWN SESSION of attributes}, of_others.session, of_resource.session,
        request_id,
        lower(hex(trace_id))) AS session_id,
    firstNonDefault(${OWN REQUEST of attributes}, of_others.request, of_resource.request) AS request_id,
    firstNonDefault(${OWN AGENT of attributes}, of_others.agent, of_resource.agent) AS agent,
    firstNonDefault(${OWN IDENTITY of attributes}, of_others.identity, of_resource.identity) AS identity,
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
