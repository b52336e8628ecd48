-- How many tenants get partitions of their own, and how many pools the others share; the newest row
-- counts, which the collector wrote that was last started with other limits.
CREATE TABLE IF NOT EXISTS placement_limits (
    own_partitions UInt32, pools UInt32,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY recorded_at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
