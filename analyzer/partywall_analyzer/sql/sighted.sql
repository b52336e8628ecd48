-- The canaries that open calls hold.
CREATE TABLE {sighted:Identifier} ENGINE = Memory AS
SELECT DISTINCT arrayJoin(arrayConcat(values_in, values_out)) AS value FROM {calls:Identifier}
WHERE (SELECT count() FROM {planted:Identifier}) > 0
    AND value IN (SELECT value FROM {planted:Identifier})
