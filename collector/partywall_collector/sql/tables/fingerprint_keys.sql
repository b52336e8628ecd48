-- The keys of this store's fingerprints, in memory only: a loader puts them there from its home
-- folder, all that there are with each put. Times are Unix seconds.
CREATE TABLE IF NOT EXISTS fingerprint_keys (
    value String,
    begins UInt32,
    ends UInt32,
    results_from UInt32,
    results_until UInt32,
    put_at DateTime64(6, 'UTC')
) ENGINE = Memory
