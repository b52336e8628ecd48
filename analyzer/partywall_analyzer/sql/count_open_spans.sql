-- How many spans are open to this analysis.
SELECT count() AS n FROM {spans:Identifier}
