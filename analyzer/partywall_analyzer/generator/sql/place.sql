-- Places the tenants where base.sql puts their spans.
INSERT INTO tenants
SELECT * REPLACE (
    concat('pool-', leftPad(toString(cityHash64(tenant_id) % 16), 2, '0')) AS placement,
    recorded_at + INTERVAL 1 MICROSECOND AS recorded_at)
FROM current_tenants
