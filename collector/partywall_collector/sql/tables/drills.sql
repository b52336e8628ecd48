-- A crossing that was made on purpose: for the tenant `caller` a call reached a dataset of `owner`,
-- under names that nobody knew before. It names both, so it is for the operator alone. The newest row of a drill says what came of it.
CREATE TABLE IF NOT EXISTS drills (
    drill_id String,
    caller LowCardinality(String),
    owner LowCardinality(String),
    dataset String,
    pages Bool,
    sent_at DateTime64(6, 'UTC'),
    finding_id String,
    found_after Float64,
    told_after Float64,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (drill_id, recorded_at)
