-- The sessions of a tenant in which a person or an identity appears.
SELECT DISTINCT session_id
FROM calls
WHERE tenant_id = {tenant:String} AND (subject = {subject:String} OR identity = {subject:String})
ORDER BY session_id
