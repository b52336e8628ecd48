-- Who may read now.
SELECT reader_id, tenant_id, recorded_at
FROM current_readers
WHERE password_sha256 != ''
ORDER BY tenant_id, reader_id
