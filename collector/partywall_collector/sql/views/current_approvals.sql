-- The newest row of each approval.
CREATE VIEW current_approvals AS
SELECT * FROM approvals
ORDER BY recorded_at DESC
LIMIT 1 BY tenant_id, approval_id
