-- The values of an OTLP array of up to 1024 items, as text. An item is a tag, a length of up to
-- three bytes, and an AnyValue; each step takes one item off the front of the rest.
CREATE OR REPLACE FUNCTION partywall_array_items AS (any_value) ->
    arrayMap(
        item -> partywall_text(item),
        arrayFold(
            (state, step) -> if(state.1 = '', state, arrayMap(
                (header, size) -> (
                    substring(state.1, header + size + 1),
                    arrayPushBack(state.2, substring(state.1, header + 1, size))),
                [partywall_header(state.1)], [partywall_size(state.1)])[1]),
            range(least(1024, intDiv(length(any_value), 2))),
            (partywall_payload(any_value), emptyArrayString())).2)
