"""Every attribute name that Partywall writes or reads under its own namespace, each spelled once.

A name states a *claim* of the process that wrote it. What the collector verified (the principal,
the attestation grade) is never read from a span: it is written beside the span by the collector.
All values are strings unless the line says otherwise.
"""

from typing import Final

NAMESPACE: Final = "partywall."
"""Prefix of every attribute below; nobody else writes it. Not an attribute itself."""

TENANT_ID: Final = "partywall.tenant.id"
"""The tenant (customer) that the session is bound to. string, an id of the registry"""

TENANT_SOURCE: Final = "partywall.tenant.source"
"""Where the binding came from. string: `session`, `parent`, `baggage`, `env`, or `unbound`"""

SESSION_ID: Final = "partywall.session.id"
"""One agent session: everything between opening and closing one binding. string"""

SESSION_PART: Final = "partywall.session.part"
"""One stretch of the session in one process; spans are numbered within it. string"""

SESSION_SEQUENCE: Final = "partywall.session.sequence"
"""Number of the span within its part of the session, in order of start. int, from 1"""

SESSION_OPENED: Final = "partywall.session.opened"
"""A request opened a session: a log record for the registry, or a span with its facts. name"""

SESSION_CLOSE: Final = "partywall.session.close"
"""The record that ends a part of a session; it carries the two attributes below. span name"""

SESSION_SPANS: Final = "partywall.session.spans"
"""How many spans of the part were numbered, the close record included. int"""

SESSION_CLOSED: Final = "partywall.session.closed"
"""Why the part ended. string: `completed`, `error`, `cancelled`, `process exit`, `idle`"""

SESSION_GRANT: Final = "partywall.session.grant"
"""The signed grant of the session where one travels to another process. string, a compact JWT"""

REQUEST_ID: Final = "partywall.request.id"
"""The request or ticket that started the session. string"""

REQUEST_FACTS: Final = "partywall.request.facts"
"""What the request of a session names and asks for; its text is left out. string, JSON"""

RUN_ID: Final = "partywall.run.id"
"""One run of an agent; it holds a run together where its traces break apart. string"""

IDENTITY_ID: Final = "partywall.identity.id"
"""The identity that acts. string, a SPIFFE id or `issuer#subject`"""

IDENTITY_TYPE: Final = "partywall.identity.type"
"""What kind of identity acts. string: `workload`, `human`, `agent`, `service_account`, `api_key`"""

SUBJECT_ID: Final = "partywall.subject.id"
"""On whose behalf the identity acts (RFC 8693 `sub`). string"""

ACTOR_CHAIN: Final = "partywall.actor.chain"
"""The identities that act for one another, the current one first (RFC 8693 `act`). string[]"""

CREDENTIAL_ID: Final = "partywall.credential.id"
"""The credential in use: its `jti` or thumbprint, never the secret. string"""

CREDENTIAL_EXPIRES: Final = "partywall.credential.expires"
"""When the credential in use ends. int, unix milliseconds"""

CREDENTIAL_ISSUED: Final = "partywall.credential.issued"
"""A credential was issued; carries its id, end and scopes, and the time. event name"""

CREDENTIAL_ISSUE_FAILED: Final = "partywall.credential.issue.failed"
"""The issuer gave no credential that can be used; carries the time and `error.type`. event name"""

CREDENTIAL_REVOKED: Final = "partywall.credential.revoked"
"""A credential was taken back at the end of its use; carries its id and the time. event name"""

CREDENTIAL_REVOKE_FAILED: Final = "partywall.credential.revoke.failed"
"""A credential could not be taken back; carries its id, the time, `error.type`. event name"""

CREDENTIAL_SCOPES: Final = "partywall.credential.scopes"
"""What the issued credential is good for, in the issuer's words. string[]"""

CREDENTIAL_TIME: Final = "partywall.credential.time"
"""When the credential was issued or revoked, or that failed. int, unix milliseconds"""

APPROVAL_ID: Final = "partywall.approval.id"
"""The approval that the session or the call relies on. string"""

APPROVAL_USED: Final = "partywall.approval.used"
"""Work began that relies on an approval; carries its id and the approver. event name"""

APPROVAL_APPROVER: Final = "partywall.approval.approver"
"""Who approved, as the agent was told. string"""

APPROVAL_GRANTED: Final = "partywall.approval.granted"
"""A tenant approved something; a log record that brings it into the registry. event name"""

APPROVAL_REVOKED: Final = "partywall.approval.revoked"
"""An approval was taken back; a log record that brings it into the registry. event name"""

APPROVAL_GRANTEE: Final = "partywall.approval.grantee"
"""The tenant that is approved to act; `*` is everybody. string"""

APPROVAL_DATASETS: Final = "partywall.approval.datasets"
"""The datasets that an approval is for, as patterns of the registry. string[]"""

APPROVAL_PARTIES: Final = "partywall.approval.parties"
"""The parties that an approval is for, as patterns of the registry. string[]"""

APPROVAL_OPERATIONS: Final = "partywall.approval.operations"
"""The operations that an approval is for; none is all. string[]"""

APPROVAL_TOOLS: Final = "partywall.approval.tools"
"""The tools by which an approval may be used; none is all. string[]"""

APPROVAL_TIME: Final = "partywall.approval.time"
"""When the approval begins, or when it was taken back. int, unix milliseconds"""

APPROVAL_EXPIRES: Final = "partywall.approval.expires"
"""When the approval ends. int, unix milliseconds"""

POLICY_ID: Final = "partywall.policy.id"
"""The policy that decided about the call. string"""

POLICY_DECISION: Final = "partywall.policy.decision"
"""What the policy decided. string: `allow`, `deny`, `warn`, `indeterminate`"""

POLICY_REASON: Final = "partywall.policy.reason"
"""Why it decided so, in the policy's words or the engine's. string, cut at 256 characters"""

POLICY_MODE: Final = "partywall.policy.mode"
"""Whether the decision was obeyed. string: `enforce`, `observe`"""

POLICY_DECIDED: Final = "partywall.policy.decided"
"""One decision with the lines above and below; a span holds one for each. event name"""

POLICY_DIGEST: Final = "partywall.policy.digest"
"""SHA-256 of the text of the policies. string, hexadecimal"""

POLICY_DATA: Final = "partywall.policy.data"
"""SHA-256 of what the policies were read with: schema, entities, owners. string, hexadecimal"""

POLICY_ENGINE: Final = "partywall.policy.engine"
"""Name and version of what evaluated the policies. string"""

POLICY_REQUEST: Final = "partywall.policy.request"
"""What was asked, without arguments and secrets; enough to ask again. string, JSON"""

AGENT_NAME: Final = "partywall.agent.name"
"""The agent that makes the call, where the framework does not say. string"""

DATASET_ID: Final = "partywall.dataset.id"
"""A dataset that the call reads or writes, named as OpenLineage names datasets. string, a URI"""

DATASET_OPERATION: Final = "partywall.dataset.operation"
"""What is done to the dataset. string: `read`, `write`, `delete`, `admin`, `list`, `send`"""

DATASET_ACCESS: Final = "partywall.dataset.access"
"""Span event, one for each dataset touched; it carries the two attributes above. event name"""

PARTY_ID: Final = "partywall.party.id"
"""Who the call sends to or fetches from: a mailbox, an account, a host, a user. string"""

PARTY_KIND: Final = "partywall.party.kind"
"""What kind of identifier the party is. string: `email`, `iban`, `url`, `phone`, ..."""

OPERATION: Final = "partywall.operation"
"""What the call does, where it names no dataset. string, as `partywall.dataset.operation`"""

TOOL_SERVER: Final = "partywall.tool.server"
"""The server that runs the tool (an MCP server, a remote host). string"""

VALUES_IN: Final = "partywall.values.in"
"""Keyed fingerprints of the identifiers in the arguments. string[], 64-bit unsigned decimals"""

VALUES_OUT: Final = "partywall.values.out"
"""Keyed fingerprints of the identifiers in the result. string[], 64-bit unsigned decimals"""

VALUES_DROPPED: Final = "partywall.values.dropped"
"""How many identifiers were found beyond those that are fingerprinted. int"""

VALUES_EPOCH: Final = "partywall.values.epoch"
"""The epochs of the keys of the fingerprints, with a space between. string"""

VALUES_MISSING: Final = "partywall.values.missing"
"""Why fingerprints are missing. string: `no key`, `bad key`, `bad kinds`, `too long`, `error`"""

ARGUMENT_TERMS: Final = "partywall.argument.terms"
"""Keyed hashes of the words in the arguments. string, base64 of 64-bit numbers, little-endian"""

RECORD_TERMS: Final = "partywall.record.terms"
"""The same for the records of a result that bring somebody in, then 16 bits a record. string"""

INTRODUCES: Final = "partywall.introduces"
"""Whom a result brings in: `kind rank,...:` and base64 of fingerprints, records, forms. string"""

INTRODUCES_DROPPED: Final = "partywall.introduces.dropped"
"""How many of those were found beyond the ones that are sent. int"""

CONTENT_DROPPED: Final = "partywall.content.dropped"
"""How many attributes were left out before the span left the process. int"""

ATTESTATION: Final = "partywall.attestation"
"""Prefix reserved for the collector's own statement; dropped where it arrives on the wire."""

ATTESTATION_GRANT: Final = "partywall.attestation.grant"
"""A signed session grant on its way; the collector checks it, takes it off and never stores it."""
