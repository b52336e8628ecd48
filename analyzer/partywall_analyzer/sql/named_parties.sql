-- The parties that open calls send to or fetch from, by tenant, session and request.
SELECT DISTINCT tenant_id, session_id, request_id, party.kind AS kind, party.value AS value
FROM {calls:Identifier}
ARRAY JOIN parties AS party
WHERE NOT failed AND value != ''
ORDER BY tenant_id, session_id, request_id, kind, value
