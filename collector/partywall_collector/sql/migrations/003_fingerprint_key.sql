-- The key in memory has become several, in `fingerprint_keys`.
DROP TABLE IF EXISTS fingerprint_key
