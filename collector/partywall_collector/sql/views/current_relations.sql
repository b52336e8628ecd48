-- The newest row of each standing relation.
CREATE VIEW current_relations AS
SELECT * FROM relations
ORDER BY recorded_at DESC
LIMIT 1 BY tenant_id, relation_id
