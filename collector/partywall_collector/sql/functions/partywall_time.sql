-- A time of OTLP: nanoseconds since 1970.
CREATE OR REPLACE FUNCTION partywall_time AS (nanoseconds) ->
    fromUnixTimestamp64Nano(reinterpretAsInt64(nanoseconds), 'UTC')
