-- The starts and ends of grants and credentials, and when approvals were recorded, in order: within
-- one epoch each is valid or not.
INSERT INTO {epochs:Identifier}
SELECT 1, at, row_number() OVER (ORDER BY at) - 1
FROM (
    SELECT toDateTime64(0, 6, 'UTC') AS at
    UNION DISTINCT
    SELECT arrayJoin([valid_from, valid_until]) AS at FROM current_relations
    UNION DISTINCT
    SELECT arrayJoin([valid_from, valid_until, revoked_at]) AS at FROM current_approvals
    UNION DISTINCT
    SELECT if(noted_at = toDateTime64(0, 6, 'UTC'), recorded_at, noted_at)
        - toIntervalSecond({clock_skew:UInt32}) AS at
    FROM approvals
    UNION DISTINCT
    SELECT arrayJoin([issued_at, expires_at, revoked_at]) AS at FROM current_credentials
)
WHERE at < toDateTime64('2262-01-01 00:00:00', 6, 'UTC')
