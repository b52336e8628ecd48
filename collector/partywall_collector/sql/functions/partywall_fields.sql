-- The fields of a record in JSON, as (field, JSON): each with its own key. Where nothing is asked of
-- fields, or the record is no object, it has one without a name.
CREATE OR REPLACE FUNCTION partywall_fields AS (record, is_asked) ->
    if(
        is_asked AND startsWith(record, '{'),
        arrayMap(
            entry -> (entry.1, concat(toJSONString(entry.1), ':', entry.2)),
            JSONExtractKeysAndValuesRaw(if(is_asked, record, ''))),
        [('', record)])
