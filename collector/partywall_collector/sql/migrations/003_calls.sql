-- By the time of its load an analysis knows what is new.
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS loaded_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta(8), ZSTD(1)) AFTER received_at
