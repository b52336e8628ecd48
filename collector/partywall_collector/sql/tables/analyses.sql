-- An analysis that brought the ledger up to date: with which rules, and which loads it had seen.
CREATE TABLE IF NOT EXISTS analyses (
    recorded_at DateTime64(6, 'UTC'),
    rules String,
    whole Bool,
    seen String CODEC(ZSTD(3)),
    spans UInt64,
    seconds Float64
)
ENGINE = MergeTree ORDER BY recorded_at
