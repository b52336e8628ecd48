"""What the operator knows: tenants, owners, parties, tools, grants, principals and sessions."""
