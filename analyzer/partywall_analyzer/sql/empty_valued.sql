-- Where calls that hold asked values are kept.
CREATE TABLE {valued:Identifier} ENGINE = Memory EMPTY AS
SELECT tenant_id, span_id, end_time, loaded_at, failed, datasets, values_in, values_out FROM calls
