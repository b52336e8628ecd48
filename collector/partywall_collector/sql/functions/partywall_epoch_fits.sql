-- Whether the facts that a span brought along were made under this store's key. The first epoch that a
-- span names is that of the key of its results.
CREATE OR REPLACE FUNCTION partywall_epoch_fits AS (attributes, secret) ->
    ifNull(
        splitByChar(' ', attributes['${VALUES_EPOCH}'])[1]
            = lower(hex(substring(HMAC('sha256', 'epoch', secret), 1, 4))),
        false)
