-- In which partition the spans of each tenant lie.
SELECT tenant_id AS tenant, any(placement) AS place FROM spans GROUP BY tenant_id
