-- The values that open calls hold.
CREATE TABLE {open_values:Identifier} ENGINE = Memory AS
SELECT DISTINCT arrayJoin(arrayConcat(values_in, values_out)) AS value FROM {calls:Identifier}
