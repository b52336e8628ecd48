-- Introductions with the ranks that are kept. Where the registry says who writes the fields of a
-- tool's result, a `scalar` was taken by somebody who did not know that.
CREATE OR REPLACE FUNCTION partywall_ranked AS (introduces, is_ruled) ->
    arrayMap(
        found -> (
            found.1,
            found.2,
            multiIf(found.3 = 'inside', 'scalar', found.3 = 'scalar' AND is_ruled, 'outsider', found.3),
            found.4),
        introduces)
