-- How a tool's arguments name its datasets and its parties, and what it does to them.
CREATE TABLE IF NOT EXISTS tools (
    tool String, operation LowCardinality(String), operation_argument String,
    datasets Array(String), party_arguments Array(String), party_kind LowCardinality(String),
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree ORDER BY (tool, recorded_at)
