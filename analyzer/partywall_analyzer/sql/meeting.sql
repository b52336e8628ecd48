-- Sessions and traces in which a call is at another tenant's dataset, or may be at a foreign party.
CREATE TABLE {meeting:Identifier} ENGINE = Memory AS
SELECT session_id, trace_id FROM {calls:Identifier}
WHERE arrayExists(id -> id IN (SELECT id FROM {strangers:Identifier}), datasets.id)
    AND arrayExists(id -> (tenant_id, id) IN (
        SELECT tenant_id, id FROM {strangers:Identifier}), datasets.id)
    AND NOT failed
UNION ALL
SELECT session_id, trace_id FROM {calls:Identifier}
WHERE notEmpty(parties) AND session_id IN (SELECT session_id FROM {parties:Identifier})
