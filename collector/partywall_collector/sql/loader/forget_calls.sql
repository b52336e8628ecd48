-- Takes back what a failed load of these envelopes left in calls, before they are loaded in halves.
ALTER TABLE calls DELETE
WHERE received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({received_at:Array(Int64)}), 'UTC'))
SETTINGS mutations_sync = 2
