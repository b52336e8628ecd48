-- An attribute of the first event of this name; some agents keep what was said in events.
CREATE OR REPLACE FUNCTION partywall_event_value AS (events, event_name, attribute) ->
    tupleElement(arrayFirst(event -> event.name = event_name, events), 'attributes')[attribute]
