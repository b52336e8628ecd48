-- All calls, in any session, that hold one of these values, without the facts about parties.
CREATE TABLE {calls_of_values:Identifier} ENGINE = Memory AS
SELECT * EXCEPT (
    placement, received_at, loaded_at, principal, actor_chain, parties, party_values, party_terms,
    argument_terms, introduces, introduces_dropped, record_terms)
FROM calls
WHERE arrayExists(v -> v IN {open_values:Identifier}, values_in)
    OR arrayExists(v -> v IN {open_values:Identifier}, values_out)
