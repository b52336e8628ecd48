-- Makes the envelope that the collector makes of a request. Whoever may write to the topic is this
-- principal; the time is the broker's, and the offset tells messages of one millisecond apart.
CREATE MATERIALIZED VIEW IF NOT EXISTS {name}_requests TO ingest AS
SELECT
    {principal} AS principal,
    [{tenants}] AS tenants,
    'A0' AS attestation,
    toUInt64(toUnixTimestamp64Nano(toDateTime64(ifNull(_timestamp_ms, now64(3)), 9)) + _offset % 1000000)
        AS received_at,
    SHA256(formatRow('RowBinary', resource_spans)) AS sha256,
    tuple(resource_spans) AS request
FROM {name}
WHERE _error = ''
