-- Values that came to prove nothing, or something again, and those of datasets that changed hands.
CREATE TABLE {changed_values:Identifier} ENGINE = Memory AS
SELECT value FROM {facts:Identifier}
GROUP BY value
HAVING (max(tenants) > 8 OR max(is_public)) != (max(tenants_before) > 8 OR max(was_public))
    OR max(is_changed)
