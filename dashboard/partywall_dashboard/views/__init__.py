"""Each file is one page: overview, findings, chain, who, identities, coverage."""
