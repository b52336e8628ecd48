-- Those of some values that were not judged yet are asked for.
INSERT INTO {asked:Identifier}
SELECT arrayJoin({values:Array(UInt64)}) AS value
WHERE value NOT IN (SELECT value FROM {judged:Identifier})
