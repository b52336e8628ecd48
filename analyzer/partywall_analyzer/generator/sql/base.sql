-- The numbered spans of a seeded store. 64 spans are 8 traces of 1, 3, .. 15 spans; 210 traces are 20
-- sessions of 1 .. 20 traces; tenants, datasets and values are skewed; 35 % are no tool calls; 5 % of
-- the datasets belong to the platform; 3 % of the calls hold a value that many tenants hold; 0.5 % of
-- the sessions serve several tenants, each trace with its own credential. With `spread` not 0, traces
-- join sessions among the first so many instead of new ones.
WITH
    n -> intDiv(n, 64) * 8 + toUInt64(floor(sqrt(n % 64))) AS trace_of,
    n -> n % 64 - toUInt64(pow(floor(sqrt(n % 64)), 2)) AS place_of,
    t -> toUInt64(floor((sqrt(8 * (t % 210) + 1) - 1) / 2)) AS session_in_block,
    t -> if({spread:UInt64} = 0,
        intDiv(t, 210) * 20 + session_in_block(t),
        cityHash64('spread', {seed:UInt64}, t) % {spread:UInt64}) AS session_of,
    s -> cityHash64('batch', {seed:UInt64}, s) % 200 = 0 AS serves_many,
    (s, t) -> toUInt32(floor({tenants:UInt32} * pow(
        cityHash64('tenant', {seed:UInt64}, s, if(serves_many(s), t, 0)) / 18446744073709551616., 1.5)))
        AS tenant_of,
    n -> multiIf(
        cityHash64('act', {seed:UInt64}, n) % 100 < 50, 'read',
        cityHash64('act', {seed:UInt64}, n) % 100 < 65, 'write', '') AS act_of,
    n -> cityHash64('platform', {seed:UInt64}, n) % 100 < 5 AS is_platform,
    n -> toString(toUInt32(floor(
        40 * pow(cityHash64('dataset', {seed:UInt64}, n) / 18446744073709551616., 2)))) AS place_in,
    (n, tenant) -> if(
        is_platform(n), concat('platform/', place_in(n)),
        concat('crm/', toString(tenant), '/', place_in(n))) AS dataset_of,
    n -> if(
        cityHash64('hot', {seed:UInt64}, n) % 100 < 3,
        [cityHash64('hot value', cityHash64('which', {seed:UInt64}, n) % 100)], []) AS hot_of,
    (n, dataset) -> arrayConcat(
        arrayMap(
            k -> cityHash64('value', dataset, cityHash64('kept', {seed:UInt64}, n, k) % 200),
            range(cityHash64('count', {seed:UInt64}, n) % 4)),
        hot_of(n)) AS values_of,
    numbered AS (
        SELECT
            number, trace_of(number) AS t, place_of(number) AS place, session_of(t) AS s,
            tenant_of(s, t) AS tenant, act_of(number) AS act,
            if(act = '', '', dataset_of(number, tenant)) AS dataset,
            concat('s', lower(hex(cityHash64('session', {seed:UInt64}, s)))) AS session_id,
            concat('t', toString(tenant)) AS tenant_id,
            toDateTime64('2026-03-02 09:00:00', 9, 'UTC') + toIntervalMillisecond(
                cityHash64('when', {seed:UInt64}, s) % (7 * 86400000)
                + t % 210 * 60000 + place * 1500) AS start_time,
            start_time + toIntervalMillisecond(
                50 + cityHash64('lasts', {seed:UInt64}, number) % 1200) AS end_time,
            sipHash128('trace', {seed:UInt64}, t) AS trace_id,
            reinterpretAsFixedString(cityHash64('span', {seed:UInt64}, number)) AS span_id,
            if(place = 0, toFixedString('', 8), reinterpretAsFixedString(cityHash64(
                'span', {seed:UInt64},
                number - 1 - cityHash64('parent', {seed:UInt64}, number) % place)))
                AS parent_span_id,
            concat('pool-', leftPad(toString(cityHash64(tenant_id) % 16), 2, '0')) AS placement,
            concat('agent-', toString(cityHash64('agent', {seed:UInt64}, s) % 5)) AS agent,
            concat('spiffe://', tenant_id, '/', agent) AS identity
        FROM numbers({first:UInt64}, {count:UInt64})
    )
