-- The values that open calls hold and that were not judged yet.
INSERT INTO {asked:Identifier}
SELECT DISTINCT arrayJoin(arrayConcat(values_in, values_out)) AS value FROM {calls:Identifier}
WHERE value NOT IN (SELECT value FROM {judged:Identifier})
