"""Bind every tool call of an AI agent to a tenant, an identity and a dataset."""
