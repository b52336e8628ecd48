-- Where a segment lands: one row an envelope. It keeps nothing; the view `decode` reads it.
CREATE TABLE IF NOT EXISTS ingest (
    principal String,
    tenants Array(String),
    attestation String,
    received_at UInt64,
    sha256 String,
    chosen_tenant String,
    grants Array(Tuple(session String, tenant String, identity String, request String)),
    request Tuple(resource_spans Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value String))),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String),
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes Array(Tuple(key String, value String)),
                events Array(Tuple(
                    time_unix_nano UInt64, name String, attributes Array(Tuple(key String, value String)))),
                links Array(Tuple(
                    trace_id String, span_id String, trace_state String,
                    attributes Array(Tuple(key String, value String)))),
                status Tuple(message String, code Int32),
                flags UInt32)))))))
)
ENGINE = Null
