-- The exports that were received since a moment, the oldest first; of too many the newest.
SELECT principal, tenants, lower(hex(request_sha256)) AS sha256, toFloat64(received_at) AS seconds
FROM
(
    SELECT principal, tenants, request_sha256, received_at
    FROM requests
    WHERE received_at >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
    ORDER BY received_at DESC
    LIMIT {kept:UInt32}
)
ORDER BY received_at
