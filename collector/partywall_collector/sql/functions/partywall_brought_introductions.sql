-- Introductions that a span brought along, as (fingerprint, kind, rank, record): the list of forms,
-- a colon, then all fingerprints, all records, and of each the place of its form in the list.
CREATE OR REPLACE FUNCTION partywall_brought_introductions AS (text) ->
    arrayMap(
        (forms, bytes) -> arrayMap(
            (value, record, form) -> (
                value, splitByChar(' ', forms[form])[1], splitByChar(' ', forms[form])[2], record),
            reinterpret(substring(bytes, 1, intDiv(length(bytes), 11) * 8), 'Array(UInt64)'),
            reinterpret(
                substring(bytes, 1 + intDiv(length(bytes), 11) * 8, intDiv(length(bytes), 11) * 2),
                'Array(UInt16)'),
            reinterpret(substring(bytes, 1 + intDiv(length(bytes), 11) * 10), 'Array(UInt8)')),
        [splitByChar(',', substring(text, 1, least(position(text, ':') - 1, 1024)))],
        [partywall_packed(substring(text, position(text, ':') + 1), 11, 128)])[1]
