-- Also found by request, by dataset and by party.
ALTER TABLE calls
    ADD INDEX IF NOT EXISTS by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_dataset datasets.id TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_party arrayMap(name -> lowerUTF8(name), parties.value) TYPE bloom_filter(0.01) GRANULARITY 1
