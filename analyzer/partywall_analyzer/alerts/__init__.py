"""Tells people and systems of findings: routes, targets, and an outbox that survives a crash."""
