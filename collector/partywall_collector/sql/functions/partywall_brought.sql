-- A fact that a span brought along; empty if it was made under another key than this store's. The
-- first epoch that a span names is that of the key of its results.
CREATE OR REPLACE FUNCTION partywall_brought AS (attributes, name, secret) ->
    if(
        splitByChar(' ', attributes['${VALUES_EPOCH}'])[1]
            = lower(hex(substring(HMAC('sha256', 'epoch', secret), 1, 4))),
        attributes[name],
        '')
