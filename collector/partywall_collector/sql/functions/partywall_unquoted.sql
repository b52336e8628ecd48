-- A value of a YAML line without its quotes.
CREATE OR REPLACE FUNCTION partywall_unquoted AS (value) -> multiIf(
    match(value, '(?s)^\'.*\'$'),
    replaceAll(substring(value, 2, length(value) - 2), '\'\'', '\''),
    match(value, '(?s)^".*"$'),
    replaceAll(substring(value, 2, length(value) - 2), '\\n', '\n'),
    value)
