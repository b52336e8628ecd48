-- What changes when a finding or a decision about one does.
SELECT
    (SELECT (count(), max(recorded_at)) FROM ledger) AS findings,
    (SELECT (count(), max(recorded_at)) FROM responses WHERE kind IN ('ack', 'close', 'reopen'))
        AS decisions
