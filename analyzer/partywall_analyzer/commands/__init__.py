"""The commands of the analyzer: `partywall analyze`, `partywall who`, `partywall chain`."""
