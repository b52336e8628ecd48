-- Also found by the time of its load.
ALTER TABLE calls ADD INDEX IF NOT EXISTS by_load loaded_at TYPE minmax GRANULARITY 1
