-- Which of some values no open call holds.
SELECT arrayJoin({values:Array(UInt64)}) AS value WHERE value NOT IN {open_values:Identifier}
