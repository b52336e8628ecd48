-- All calls with the credentials that were used since a time.
CREATE TABLE {calls_of_credentials:Identifier} ENGINE = Memory AS
SELECT * FROM calls
WHERE credential_id IN (
    SELECT credential_id FROM calls
    WHERE start_time >= parseDateTime64BestEffort({since:String}, 9) AND credential_id != '')
