-- Record terms that a span brought along, as (record, term): first all terms, then all records.
CREATE OR REPLACE FUNCTION partywall_brought_record_terms AS (text) ->
    arrayMap(
        bytes -> arrayZip(
            reinterpret(substring(bytes, 1 + intDiv(length(bytes), 10) * 8), 'Array(UInt16)'),
            reinterpret(substring(bytes, 1, intDiv(length(bytes), 10) * 8), 'Array(UInt64)')),
        [partywall_packed(text, 10, 256)])[1]
