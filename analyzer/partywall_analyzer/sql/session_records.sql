-- What sessions that closed say of themselves, if the record of the close was loaded a while ago: what is
-- on the way until then is not missing.
CREATE TABLE {session_records:Identifier} ENGINE = Memory AS
SELECT * EXCEPT (is_closed, close_loaded_us, first, lasts, first_loaded_us)
FROM {numbered_sessions:Identifier}
WHERE is_closed AND close_loaded_us <= {settled:Int64}
