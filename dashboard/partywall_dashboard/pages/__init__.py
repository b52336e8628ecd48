"""Overview, findings and chain: each file is one page."""
