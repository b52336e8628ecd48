-- Rows of before count as loaded now, once and for all.
ALTER TABLE calls MATERIALIZE COLUMN loaded_at SETTINGS mutations_sync = 2
