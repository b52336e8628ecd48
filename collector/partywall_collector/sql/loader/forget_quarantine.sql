-- Takes back what a failed load of these envelopes left in quarantine, before they are loaded in halves.
ALTER TABLE quarantine DELETE
WHERE received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({received_at:Array(Int64)}), 'UTC'))
SETTINGS mutations_sync = 2
