-- Also found by the time of its load.
ALTER TABLE spans ADD INDEX IF NOT EXISTS by_load loaded_at TYPE minmax GRANULARITY 1
