-- Where the crossing calls that the rules find are kept, until they are grouped.
CREATE TABLE {crossings:Identifier} (
    rule String, subject String, from_tenant String, to_tenant String, dataset String,
    source_dataset String, party_kind String, party String, act String, sensitive Bool,
    source_trace String, source_span String, carried Array(UInt64),
    trace_id FixedString(16), span_id FixedString(8), start_time DateTime64(9, 'UTC'),
    session_id String, request_id String, agent String, identity String, credential_id String,
    approval_id String, policy_id String, policy_decision String, tool String, attestation String,
    tenant_id String)
ENGINE = Memory
