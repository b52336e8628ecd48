-- Whether a segment was loaded by an earlier run that did not get to delete it.
SELECT count() AS known
FROM segments
WHERE segment_id = {segment:String}
