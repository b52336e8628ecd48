-- Terms that a span brought along: 64-bit numbers.
CREATE OR REPLACE FUNCTION partywall_brought_terms AS (text) ->
    reinterpret(partywall_packed(text, 8, 64), 'Array(UInt64)')
