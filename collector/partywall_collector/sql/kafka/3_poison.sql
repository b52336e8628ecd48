-- A message that cannot be read holds up nothing; that it was there is a row.
CREATE MATERIALIZED VIEW IF NOT EXISTS {name}_poison TO quarantine AS
SELECT
    toDateTime64(ifNull(_timestamp_ms, now64(3)), 9, 'UTC') AS received_at,
    'poison' AS reason,
    {principal} AS principal,
    [{tenants}] AS principal_tenants,
    toJSONString(map('size', length(_raw_message), 'offset', _offset)) AS span,
    SHA256(_raw_message) AS request_sha256
FROM {name}
WHERE _error != ''
