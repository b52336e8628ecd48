-- The integer of an AnyValue: a tag, then seven bits a byte, the lowest first.
CREATE OR REPLACE FUNCTION partywall_integer AS (any_value) ->
    reinterpretAsInt64(arrayReduce('groupBitOr', arrayMap(
        i -> bitShiftLeft(toUInt64(bitAnd(reinterpretAsUInt8(substring(any_value, i + 2, 1)), 127)), 7 * i),
        range(least(length(any_value), 10)))))
