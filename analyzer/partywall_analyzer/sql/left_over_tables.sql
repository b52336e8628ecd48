-- Tables of analyses that were killed; the second part of a name is the second it was made in.
SELECT name FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, {prefix:String})
    AND toUInt32OrZero(splitByChar('_', name)[2]) < toUnixTimestamp(now() - INTERVAL 1 HOUR)
