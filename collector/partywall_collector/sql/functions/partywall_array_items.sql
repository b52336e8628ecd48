-- The values of an OTLP array of up to 1024 items, as text. Short texts, as fingerprints are, are cut
-- at the bytes below a space that stand between them.
CREATE OR REPLACE FUNCTION partywall_array_items AS (any_value) ->
    arrayMap(
        items -> arrayMap(
            is_short -> arrayConcat(
                arraySlice(extractAll(if(is_short, items, ''), '[ -~]+'), 1, 1024),
                partywall_any_items(if(is_short, '', items))),
            [match(items, '^(?:\\x0A[\\x03-\\x1F]\\x0A[\\x01-\\x1D][ -~]{1,29})+$')])[1],
        [partywall_payload(any_value)])[1]
