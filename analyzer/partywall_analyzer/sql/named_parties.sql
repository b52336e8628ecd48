-- The parties that open calls send to or fetch from, by tenant, session and request.
SELECT DISTINCT tenant_id, session_id, request_id, party.kind AS kind, party.value AS value
FROM (SELECT * FROM {calls:Identifier} WHERE notEmpty(parties) AND NOT failed)
ARRAY JOIN parties AS party
WHERE value != ''
ORDER BY tenant_id, session_id, request_id, kind, value
