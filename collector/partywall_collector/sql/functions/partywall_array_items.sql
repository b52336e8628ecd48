-- The values of an OTLP array of up to 1024 items, as text.
CREATE OR REPLACE FUNCTION partywall_array_items AS (any_value) ->
    arrayMap(
        items -> if(
            -- Short texts only, as fingerprints are: between two of them stand bytes below a space.
            match(items, '^(?:\\x0A[\\x03-\\x1F]\\x0A[\\x01-\\x1D][ -~]{1,29})+$'),
            arraySlice(extractAll(items, '[ -~]+'), 1, 1024),
            partywall_any_items(items)),
        [partywall_payload(any_value)])[1]
