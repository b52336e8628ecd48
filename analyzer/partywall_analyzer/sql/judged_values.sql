-- The asked values are judged.
INSERT INTO {judged:Identifier} SELECT value FROM {asked:Identifier}
