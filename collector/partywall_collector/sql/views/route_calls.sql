-- Accepted tool calls and hand-offs: what they touched and whom they reached, never what was said.
CREATE MATERIALIZED VIEW route_calls TO calls AS
WITH
    (
        SELECT CAST(
            (
                groupArray(tool),
                groupArray((
                    operation, operation_argument, datasets, party_arguments, party_kind,
                    outsider_fields, other_fields)))
            AS Tuple(
                names Array(String),
                rules Array(Tuple(
                    operation String, operation_argument String, datasets Array(String),
                    party_arguments Array(String), party_kind String,
                    outsider_fields Array(String), other_fields Array(String)))))
        FROM current_tools
    ) AS tools,
    (SELECT any(secret) FROM current_fingerprint_keys WHERE of_results HAVING count() > 0) AS secret,
    (SELECT groupArray(secret) FROM current_fingerprint_keys WHERE NOT of_results) AS other_secrets,
    said AS (
        SELECT
            *,
            partywall_tool(name, attributes) AS tool,
            firstNonDefault(${ARGUMENTS of attributes}, ${ARGUMENT_EVENTS}) AS said_arguments,
            firstNonDefault(${RESULT of attributes}, ${RESULT_EVENTS}) AS result,
            firstNonDefault(${OPERATION of attributes}, '') AS own_operation,
            firstNonDefault(${DATASET of attributes}) AS dataset,
            arrayFilter(event -> event.name = '${DATASET_ACCESS}', events) AS accesses
        FROM decoded
        WHERE reason = '' AND step IN ('tool', 'handoff')
    ),
    read AS (
        SELECT
            *,
            tools.rules[transform(tool, tools.names, arrayEnumerate(tools.names), 0)] AS rule,
            partywall_arguments(said_arguments) AS arguments,
            partywall_body(result) AS body,
            -- One expansion of the function for all four: each would be analysed at every load.
            arrayMap(
                (text, type) -> partywall_strings(text, type),
                [
                    attributes['${ACTOR_CHAIN}'], attributes['${PARTY_ID}'],
                    attributes['${VALUES_IN}'], attributes['${VALUES_OUT}']],
                [
                    attribute_types['${ACTOR_CHAIN}'], attribute_types['${PARTY_ID}'],
                    attribute_types['${VALUES_IN}'], attribute_types['${VALUES_OUT}']]) AS lists,
            -- Facts that the span brought along count; without them they are taken from content.
            partywall_epoch_fits(attributes, secret) AS is_brought,
            partywall_brought_terms(
                if(is_brought, attributes['${ARGUMENT_TERMS}'], '')) AS brought_terms,
            partywall_brought_introductions(
                if(is_brought, attributes['${INTRODUCES}'], '')) AS brought_introductions,
            partywall_brought_record_terms(
                if(is_brought, attributes['${RECORD_TERMS}'], '')) AS brought_record_terms
        FROM said
    ),
    parsed AS (
        SELECT
            *,
            firstNonDefault(
                own_operation,
                if(rule.operation_argument = '', '', partywall_argument(arguments, rule.operation_argument)),
                rule.operation) AS said_operation,
            arrayMap(
                text -> partywall_identifiers(partywall_unescaped(text)),
                [arguments, result]) AS identifiers,
            arrayMap(text -> lower(text), partywall_json_strings(arguments)) AS own_names,
            match(body, '^[\\[{]') AND isValidJSON(body) AS is_json,
            partywall_json_records(if(is_json, body, '')) AS records,
            partywall_lines(if(is_json, '', body)) AS lines
        FROM read
    ),
    heard AS (SELECT *, partywall_passages(
        records, lines, rule.outsider_fields, rule.other_fields) AS passages FROM parsed),
    introduced AS (
        SELECT *, partywall_introductions(passages, identifiers[1], own_names) AS introductions
        FROM heard
    ),
    touched AS (
        SELECT
            *,
            arrayFilter(access -> access.1 != '', arrayConcat(
                [(dataset, said_operation)],
                arrayMap(
                    access -> (
                        access.attributes['${DATASET_ID}'],
                        firstNonDefault(access.attributes['${DATASET_OPERATION}'], said_operation)),
                    accesses))) AS said_datasets,
            arrayFilter(access -> access.1 != '', arrayMap(
                template -> (partywall_fill(template, arguments), said_operation),
                rule.datasets)) AS ruled_datasets,
            arrayMap(
                party -> (attributes['${PARTY_KIND}'], partywall_normalise(attributes['${PARTY_KIND}'], party)),
                lists[2]) AS said_parties,
            arrayMap(
                party -> (rule.party_kind, party),
                arrayFlatten(arrayMap(
                    item -> partywall_values_of(rule.party_kind, item),
                    arrayFlatten(arrayMap(
                        argument -> partywall_argument_items(arguments, argument),
                        rule.party_arguments))))) AS ruled_parties
        FROM introduced
    )
SELECT
    tenant_id, placement, session_id, request_id,
    toFixedString(substring(touched.trace_id, 1, 16), 16) AS trace_id,
    toFixedString(substring(touched.span_id, 1, 8), 8) AS span_id,
    toFixedString(substring(touched.parent_span_id, 1, 8), 8) AS parent_span_id,
    start_time, end_time, received_at,
    step, tool,
    firstNonDefault(${CALL_ID of attributes}) AS call_id,
    firstNonDefault(${SERVER of attributes}) AS server,
    agent, identity,
    firstNonDefault(${SUBJECT of attributes}, ${SUBJECT of resource}) AS subject,
    lists[1] AS actor_chain,
    firstNonDefault(${CREDENTIAL of attributes}, ${CREDENTIAL of resource}) AS credential_id,
    firstNonDefault(${APPROVAL of attributes}, ${APPROVAL of resource}) AS approval_id,
    firstNonDefault(${POLICY of attributes}) AS policy_id,
    firstNonDefault(${DECISION of attributes}) AS policy_decision,
    said_operation AS operation,
    arrayDistinct(if(notEmpty(said_datasets), said_datasets, ruled_datasets)) AS datasets,
    arrayDistinct(if(notEmpty(said_parties), said_parties, ruled_parties)) AS parties,
    arrayMap(party -> partywall_fingerprint(party.1, party.2, secret), parties) AS party_values,
    arrayMap(
        party -> arrayMap(word -> partywall_term(word, secret), partywall_words(party.2)),
        parties) AS party_terms,
    if(notEmpty(brought_terms), brought_terms, partywall_argument_terms(arguments, secret)) AS argument_terms,
    partywall_ranked(
        if(
            notEmpty(brought_introductions),
            arrayFilter(
                found -> found.2 IN (${PARTY_KINDS}) AND found.3 IN (${RANKS}), brought_introductions),
            partywall_introduces(introductions, secret)),
        notEmpty(rule.outsider_fields)) AS introduces,
    -- What was brought and cannot be read counts as dropped.
    toUInt32(
        least(toUInt32OrZero(attributes['${INTRODUCES_DROPPED}']), 1000000)
        + if(notEmpty(brought_introductions), length(brought_introductions), length(introductions))
        - length(introduces)
        + (attributes['${INTRODUCES}'] != '' AND empty(brought_introductions))) AS introduces_dropped,
    if(
        notEmpty(brought_record_terms),
        brought_record_terms,
        partywall_record_terms(passages, introductions, secret)) AS record_terms,
    arrayConcat(
        partywall_fingerprints(lists[3], identifiers[1], secret),
        if(empty(other_secrets), [], partywall_fingerprints(
            [], if(empty(lists[3]), identifiers[1], []), other_secrets[1]))) AS values_in,
    partywall_fingerprints(lists[4], identifiers[2], secret) AS values_out,
    status_code = 2 OR firstNonDefault(${ERROR of attributes}, '') != ''
        OR arrayExists(event -> event.name = 'exception', events) AS failed,
    principal, attestation
FROM touched
