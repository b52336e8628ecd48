-- Takes back what a failed load of these envelopes left in spans, before they are loaded in halves.
ALTER TABLE spans DELETE
WHERE received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({received_at:Array(Int64)}), 'UTC'))
SETTINGS mutations_sync = 2
