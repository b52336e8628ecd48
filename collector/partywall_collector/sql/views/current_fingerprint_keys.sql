-- The keys in force: one, and a second one while keys overlap. Results are fingerprinted under the
-- one that says so, arguments under both.
CREATE VIEW current_fingerprint_keys AS
WITH toUnixTimestamp(now()) AS moment
SELECT unhex(value) AS secret, moment >= results_from AND moment < results_until AS of_results
FROM fingerprint_keys
WHERE put_at = (SELECT max(put_at) FROM fingerprint_keys) AND moment >= begins AND moment < ends
