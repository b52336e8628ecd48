-- All spans of dirty traces, without what is long and tells of no binding: attributes and events.
CREATE TABLE {spans:Identifier} ENGINE = Memory AS
SELECT * EXCEPT (
    placement, received_at, loaded_at, status_message, trace_state, attributes, attribute_types,
    resource, resource_types, events, dropped_content, request_sha256)
FROM spans WHERE trace_id IN {dirty_traces:Identifier}
