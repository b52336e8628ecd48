-- The keyed fingerprint of an identifier: 64 bits of an HMAC.
CREATE OR REPLACE FUNCTION partywall_fingerprint AS (kind, value, secret) ->
    reinterpretAsUInt64(reverse(substring(HMAC('sha256', concat(kind, '\0', value), secret), 1, 8)))
