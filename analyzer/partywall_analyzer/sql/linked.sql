-- Spans that begin a trace and link to spans of another tenant, which started them.
CREATE TABLE {linked:Identifier} ENGINE = Memory AS
WITH linking AS (
    SELECT
        trace_id, span_id, tenant_id,
        arrayJoin(arrayMap(link -> (link.trace_id, link.span_id), links)) AS target
    FROM {spans:Identifier}
    WHERE notEmpty(links) AND parent_span_id = unhex('0000000000000000'))
SELECT DISTINCT
    linking.trace_id AS trace_id, linking.span_id AS span_id,
    starter.trace_id AS from_trace, starter.span_id AS from_span, starter.tenant_id AS from_tenant
FROM linking
INNER JOIN (
    SELECT trace_id, span_id, tenant_id FROM spans
    WHERE trace_id IN (SELECT target.1 FROM linking)
) AS starter ON starter.trace_id = linking.target.1 AND starter.span_id = linking.target.2
WHERE starter.tenant_id != linking.tenant_id
