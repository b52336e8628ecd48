-- What was loaded: one row a segment, written after its spans.
CREATE TABLE IF NOT EXISTS segments (
    segment_id String,
    loaded_at DateTime64(6, 'UTC'),
    requests UInt64,
    bytes UInt64,
    sha256 String
)
ENGINE = MergeTree
ORDER BY (loaded_at, segment_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
