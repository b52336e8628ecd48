-- The open values that more than eight tenants hold.
SELECT value FROM {wide_values:Identifier}
