-- Whose token this is.
SELECT principal_id FROM current_principals WHERE token_sha256 = {digest:String}
