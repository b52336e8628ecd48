-- The kinds of identifiers that the operator declared, as JSON lines; the newest row is in force.
CREATE TABLE IF NOT EXISTS identifier_kinds (
    declared String, put_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree ORDER BY put_at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
