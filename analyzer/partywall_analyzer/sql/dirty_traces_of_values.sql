-- The traces of the calls that hold a value which changed: their graphs have other ways.
INSERT INTO {dirty_traces:Identifier}
SELECT DISTINCT trace_id FROM {uses:Identifier}
WHERE value IN {changed_values:Identifier}
