-- What changes when a span arrives or a record of the registry is written.
SELECT
    (SELECT count() FROM spans) AS spans,
    (SELECT max(received_at) FROM spans) AS last_span,
    (SELECT count() FROM calls) AS calls,
    (SELECT (count(), max(recorded_at)) FROM tenants) AS tenants,
    (SELECT (count(), max(recorded_at)) FROM datasets) AS datasets,
    (SELECT (count(), max(recorded_at)) FROM parties) AS parties,
    (SELECT (count(), max(recorded_at)) FROM relations) AS relations,
    (SELECT (count(), max(recorded_at)) FROM approvals) AS approvals,
    (SELECT (count(), max(recorded_at)) FROM credentials) AS credentials,
    (SELECT (count(), max(recorded_at)) FROM sessions) AS sessions
