-- Which version of these tables the store has; `rendering` is the digest of its functions and views.
CREATE TABLE IF NOT EXISTS schema_version (
    version UInt32, rendering String, recorded_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree ORDER BY recorded_at
