"""Where a chain of tool calls crossed from one tenant to another, why, and how that is known."""
