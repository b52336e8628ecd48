-- What the spans of some traces say that their calls touched: datasets, and parties with their kind.
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
    arrayConcat(
        arrayMap(id -> concat('dataset:', id), datasets.id),
        arrayMap(party -> concat(party.kind, ':', party.value), parties)) AS touched
FROM calls
WHERE trace_id IN {asked_traces:Identifier} AND (notEmpty(datasets) OR notEmpty(parties))
