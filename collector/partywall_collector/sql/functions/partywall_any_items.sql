-- The first 1024 values of an OTLP array without its own tag and length, as text. An item is a tag,
-- a length of up to three bytes, and an AnyValue; each step takes one item off the front of the
-- rest. There are no more items than bytes that look like the tag of one.
CREATE OR REPLACE FUNCTION partywall_any_items AS (items) ->
    arrayMap(
        item -> partywall_text(item),
        arrayFold(
            (state, step) -> if(state.1 = '', state, arrayMap(
                (header, size) -> (
                    substring(state.1, header + size + 1),
                    arrayPushBack(state.2, substring(state.1, header + 1, size))),
                [partywall_header(state.1)], [partywall_size(state.1)])[1]),
            range(least(1024, countSubstrings(items, '\x0A'))),
            (items, emptyArrayString())).2)
