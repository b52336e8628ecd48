-- The keyed fingerprint of an identifier in its one spelling, as `partywall.identifiers.fingerprint`.
CREATE OR REPLACE FUNCTION pw_fingerprint AS (kind, value, key) -> reinterpretAsUInt64(reverse(
    substring(HMAC('sha256', concat(kind, '\0', value), key), 1, 8)))
