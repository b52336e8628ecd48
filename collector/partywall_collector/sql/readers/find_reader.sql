-- Whose rows the holder of a password may read; no row for a password that is not good now.
SELECT tenant_id
FROM current_readers
WHERE reader_id = {reader:String} AND password_sha256 = {sha256:String} AND tenant_id != ''
