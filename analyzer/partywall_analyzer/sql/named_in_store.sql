-- The parties that calls send to or fetch from.
SELECT DISTINCT party.kind AS kind, party.value AS value FROM calls ARRAY JOIN parties AS party
ORDER BY kind, value
