-- How a tool's arguments name its datasets and its parties, what it does to them, and which fields of
-- its result outsiders write.
CREATE TABLE IF NOT EXISTS tools (
    tool String, operation LowCardinality(String), operation_argument String,
    datasets Array(String), party_arguments Array(String), party_kind LowCardinality(String),
    outsider_fields Array(String), other_fields Array(String), retired Bool,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tool, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
