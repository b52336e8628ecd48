-- Takes released spans out of quarantine: those of these requests that made these claims.
ALTER TABLE quarantine DELETE
WHERE reason IN ('foreign tenant', 'unknown tenant')
  AND (toUnixTimestamp64Nano(received_at), claimed_tenants[1]) IN (
      SELECT claim.1, claim.2
      FROM (SELECT arrayJoin(arrayZip({stamps:Array(Int64)}, {claims:Array(String)})) AS claim))
SETTINGS mutations_sync = 2
