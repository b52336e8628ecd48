-- The datasets that calls touch, by the tenant of the call.
SELECT tenant_id, arrayJoin(datasets.id) AS id FROM calls WHERE id != '' GROUP BY tenant_id, id
