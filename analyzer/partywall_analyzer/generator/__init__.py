"""Makes seeded sessions with planted chains, each with a benign twin that differs in one fact."""
