-- All calls, in any session, that hold one of these values.
CREATE TABLE {calls_of_values:Identifier} ENGINE = Memory AS
SELECT * FROM calls
WHERE arrayExists(v -> v IN {open_values:Identifier}, values_in)
    OR arrayExists(v -> v IN {open_values:Identifier}, values_out)
