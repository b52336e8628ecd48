-- The key of this store's fingerprints, in memory only: a loader puts it there from its home folder.
CREATE TABLE IF NOT EXISTS fingerprint_key (value String)
ENGINE = Memory
