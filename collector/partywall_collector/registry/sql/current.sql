-- The records of one kind that are in force: the newest of each key.
SELECT * FROM {view:Identifier}
