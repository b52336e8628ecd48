-- Which exports were loaded, so that a repeat is recognised after a restart too.
CREATE MATERIALIZED VIEW route_requests TO requests AS
SELECT
    partywall_time(received_at) AS received_at,
    principal,
    tenants,
    toFixedString(substring(sha256, 1, 32), 32) AS request_sha256
FROM ingest
WHERE principal != ''
