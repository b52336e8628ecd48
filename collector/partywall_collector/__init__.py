"""Receives spans, binds each one to a tenant, and loads them into ClickHouse exactly once."""
