-- The fingerprints that canaries have or had which were written in some loads.
SELECT DISTINCT arrayJoin(fingerprints) AS value FROM canaries
WHERE (tenant_id, canary_id) IN (
    SELECT tenant_id, canary_id FROM canaries
    WHERE recorded_at IN (
        SELECT fromUnixTimestamp64Micro(arrayJoin({loads:Array(Int64)}), 'UTC')))
