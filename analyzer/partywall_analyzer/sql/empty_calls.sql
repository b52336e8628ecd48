-- Where calls are opened, without the facts about parties.
CREATE TABLE {calls:Identifier} ENGINE = Memory EMPTY AS
SELECT * EXCEPT (
    placement, received_at, loaded_at, party_values, party_terms, introduces, introduces_dropped,
    record_terms)
FROM calls
