-- The traces of the calls that hold a value which changed: their graphs have other ways.
INSERT INTO {dirty_traces:Identifier}
SELECT DISTINCT trace_id FROM calls
WHERE arrayExists(v -> v IN {changed_values:Identifier}, values_in)
    OR arrayExists(v -> v IN {changed_values:Identifier}, values_out)
