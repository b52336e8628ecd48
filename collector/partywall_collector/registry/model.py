"""What the registry knows: one record class a kind, each field with its key, column and words.

The classes are the one table from which the loader, the rows and docs/registry.md are derived.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from partywall import identifiers
from partywall_collector.registry.schema import Field, Form

FOREVER = datetime(2299, 12, 31, tzinfo=UTC)
"""Stands for "no end" and "not revoked"; the last moment that the tables hold."""

WHEN_LOADED = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the time at which a record is loaded."""

ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)
"""Stands for "no beginning"; the first moment that the tables hold."""

BREAK_GLASS = "break-glass"

ANY = "*"
"""Stands for every registered tenant, every request or every grantee."""

GATEWAY = "gateway"
GOVERNANCE = "governance"
ROLES = (GATEWAY, GOVERNANCE)
"""What a principal may do beside sending spans for its tenants."""

PARTY_KINDS = tuple(kind.name for kind in identifiers.KINDS)
"""Who a call sends to or fetches from. A `url` party is its host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A customer whose data and records stay apart."""

    kind: ClassVar = "tenants"
    id: Annotated[
        str, Field("The name that spans carry as tenant.", column="tenant_id", identifies=True)
    ]
    name: Annotated[str, Field("What people call it.")] = ""
    store_content: Annotated[
        bool, Field("Keep tool arguments, results and messages of this tenant.", Form.FLAG)
    ] = False
    retention_days: Annotated[
        int,
        Field("After how many days its spans, calls and refused spans are deleted.", Form.DAYS),
    ] = 0
    spans_per_minute: Annotated[
        int,
        Field(
            "How many of its spans a collector takes a minute; 0 is any number.",
            Form.COUNT,
            key="quota.spans_per_minute",
        ),
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetOwner:
    """Who owns the datasets that match a pattern."""

    kind: ClassVar = "datasets"
    pattern: Annotated[
        str,
        Field("Which datasets; `regex: R` may stand in its place.", Form.PATTERN, identifies=True),
    ]
    owner: Annotated[str, Field("The tenant that owns them.", Form.TENANT)] = ""
    ownership: Annotated[
        str,
        Field(
            "`tenant`: owned by `owner`. `commons`: nobody's, all may use it. "
            "`shared`: several tenants write to it.",
            choices=("tenant", "commons", "shared"),
        ),
    ] = "tenant"
    sensitive: Annotated[bool, Field("A crossing that touches them weighs more.", Form.FLAG)] = (
        False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A mailbox, account, host or user that a tenant knows."""

    kind: ClassVar = "parties"
    tenant: Annotated[str, Field("Whose it is.", Form.TENANT, column="tenant_id", identifies=True)]
    party_kind: Annotated[
        str,
        Field("What it is.", column="kind", key="kind", choices=PARTY_KINDS, identifies=True),
    ]
    pattern: Annotated[
        str,
        Field("Which parties; `regex: R` may stand in its place.", Form.PATTERN, identifies=True),
    ]
    relation: Annotated[
        str,
        Field(
            "`own`: belongs to the tenant. `standing`: the tenant deals with it as a rule.",
            choices=("own", "standing"),
        ),
    ] = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """How a tool's arguments name its datasets and parties, and who writes its result."""

    kind: ClassVar = "tools"
    tool: Annotated[str, Field("The tool's name, as spans carry it.", identifies=True)]
    operation: Annotated[
        str,
        Field(
            "What it does: `read`, `write`, `send`, `fetch`, `admit`, ... "
            "`{op}` takes it from the argument `op`.",
            Form.OPERATION,
        ),
    ] = ""
    operation_argument: Annotated[
        str, Field("The argument that `operation` is taken from.", Form.DERIVED)
    ] = ""
    datasets: Annotated[
        tuple[str, ...],
        Field("Names of datasets; `{path}` is filled from the argument.", Form.TEMPLATES),
    ] = ()
    party_kind: Annotated[
        str, Field("What its parties are.", key="party.kind", choices=PARTY_KINDS)
    ] = ""
    party_arguments: Annotated[
        tuple[str, ...],
        Field("The arguments that name its parties.", Form.NAMES, key="party.arguments"),
    ] = ()
    outsider_fields: Annotated[
        tuple[str, ...],
        Field(
            "Fields of its records that somebody outside writes, such as a mail's sender; "
            "`*` is all of them.",
            Form.NAMES,
            key="result.outsiders",
        ),
    ] = ()
    other_fields: Annotated[
        tuple[str, ...],
        Field(
            "Beside `*`: the fields that only the tenant or its provider writes.",
            Form.NAMES,
            key="result.except",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A standing grant: the grantee may touch datasets of a tenant without asking each time."""

    kind: ClassVar = "relations"
    id: Annotated[str, Field("Its name in the contract.", column="relation_id", identifies=True)]
    tenant: Annotated[
        str, Field("The owner, who grants.", Form.TENANT, column="tenant_id", identifies=True)
    ]
    grantee: Annotated[str, Field("Who may; `*` is everybody.", Form.GRANTEE)]
    relation: Annotated[
        str,
        Field("Why: `delegated-administration`, `sub-processor`, ...", column="kind", key="kind"),
    ] = ""
    datasets: Annotated[tuple[str, ...], Field("Which datasets.", Form.PATTERNS)]
    operations: Annotated[
        tuple[str, ...], Field("Which operations; empty is all.", Form.NAMES)
    ] = ()
    valid_from: Annotated[datetime, Field("Its first moment.", Form.TIME, key="from")]
    valid_until: Annotated[
        datetime, Field("Its end, itself no longer valid.", Form.TIME, key="until")
    ] = FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A decision by a tenant that a grantee may touch its datasets for one request."""

    kind: ClassVar = "approvals"
    id: Annotated[
        str, Field("Its number where it was decided.", column="approval_id", identifies=True)
    ]
    tenant: Annotated[
        str, Field("The owner, who approves.", Form.TENANT, column="tenant_id", identifies=True)
    ]
    grantee: Annotated[str, Field("Who may; `*` is everybody.", Form.GRANTEE)]
    request: Annotated[str, Field("For which request; `*` is every request.", column="request_id")]
    given: Annotated[
        str,
        Field(
            "`break-glass`: in an emergency, so it may be recorded after the call.",
            column="kind",
            key="kind",
            choices=("regular", BREAK_GLASS),
        ),
    ] = "regular"
    approver: Annotated[str, Field("Who decided.")] = ""
    datasets: Annotated[tuple[str, ...], Field("Which datasets.", Form.PATTERNS)] = ()
    parties: Annotated[tuple[str, ...], Field("Which parties.", Form.PATTERNS)] = ()
    operations: Annotated[
        tuple[str, ...], Field("Which operations; empty is all.", Form.NAMES)
    ] = ()
    tools: Annotated[
        tuple[str, ...], Field("By which tools, as spans name them; empty is all.", Form.NAMES)
    ] = ()
    valid_from: Annotated[datetime, Field("Its first moment.", Form.TIME, key="from")]
    valid_until: Annotated[
        datetime, Field("Its end, itself no longer valid.", Form.TIME, key="until")
    ] = FOREVER
    revoked: Annotated[
        datetime, Field("When it was taken back.", Form.TIME, column="revoked_at")
    ] = FOREVER
    recorded: Annotated[
        datetime,
        Field("When it was recorded, where it was decided.", Form.TIME, column="noted_at"),
    ] = WHEN_LOADED


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential's life: for whom, for which request, until when. Never the secret."""

    kind: ClassVar = "credentials"
    id: Annotated[
        str,
        Field("The id that spans carry.", column="credential_id", identifies=True),
    ]
    tenant: Annotated[str, Field("For which tenant.", Form.TENANT, column="tenant_id")]
    identity: Annotated[str, Field("For which workload.")] = ""
    request: Annotated[str, Field("For which request.", column="request_id")] = ""
    issued: Annotated[datetime, Field("Its first moment.", Form.TIME, column="issued_at")]
    expires: Annotated[
        datetime, Field("Its end, itself no longer valid.", Form.TIME, column="expires_at")
    ] = FOREVER
    revoked: Annotated[
        datetime, Field("When it was taken back.", Form.TIME, column="revoked_at")
    ] = FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who may send, for which tenants, and how the collector knows it."""

    kind: ClassVar = "principals"
    id: Annotated[str, Field("Its name.", column="principal_id", identifies=True)]
    tenants: Annotated[
        tuple[str, ...],
        Field("For whom it may send; `[*]` is every registered tenant.", Form.TENANTS),
    ]
    token_sha256: Annotated[
        str,
        Field(
            "SHA-256 of its bearer token; `partywall registry token` makes one. "
            "Left out, the token in force stays. The token itself is refused.",
            Form.DIGEST,
        ),
    ] = ""
    jwt_issuer: Annotated[
        str, Field("Who signs its JWTs: the `issuer_url` of an `oidc` extension.", key="jwt.issuer")
    ] = ""
    jwt_subject: Annotated[
        str,
        Field("What they name it: the value of that `username_claim`.", key="jwt.subject"),
    ] = ""
    spiffe_id: Annotated[
        str, Field("The URI in its client certificate, `spiffe://domain/path`.", Form.SPIFFE_ID)
    ] = ""
    roles: Annotated[
        tuple[str, ...],
        Field(
            "`gateway`: may name the tenant of a whole request, one of its own, in "
            "`X-Scope-OrgID`. `governance`: may send governance records, as logs or over HTTP.",
            Form.NAMES,
            choices=ROLES,
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who may sign session grants, and for which tenants."""

    kind: ClassVar = "issuers"
    id: Annotated[
        str, Field("Its name, as grants carry it (`iss`).", column="issuer_id", identifies=True)
    ]
    tenants: Annotated[
        tuple[str, ...],
        Field("For whom it may sign; `[*]` is every registered tenant.", Form.TENANTS),
    ]
    public_key: Annotated[
        str,
        Field(
            "Its public key, P-256 or Ed25519; while a key is replaced, the new and the old one "
            "below each other. The private key is refused.",
            Form.PUBLIC_KEY,
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The request that opened a session, and what its text names."""

    kind: ClassVar = "sessions"
    request: Annotated[str, Field("The ticket.", column="request_id", identifies=True)]
    session: Annotated[
        str, Field("The session it opened.", column="session_id", identifies=True)
    ] = ""
    tenant: Annotated[
        str, Field("For whom it works.", Form.TENANT, column="tenant_id", identifies=True)
    ]
    identity: Annotated[str, Field("The workload that serves it.")] = ""
    opened: Annotated[datetime, Field("When.", Form.TIME, column="opened_at")]
    named: Annotated[
        tuple[tuple[str, str], ...],
        Field("Parties that the request names; added to those found in `text`.", Form.IDENTIFIERS),
    ] = ()
    facts: Annotated[
        str,
        Field(
            "The request as it was written. It is read once for what it names and asks; "
            "the text itself is not stored.",
            Form.REQUEST,
            key="text",
        ),
    ] = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A value that was planted in a tenant's data and is nowhere else; kept as fingerprints."""

    kind: ClassVar = "canaries"
    id: Annotated[str, Field("Its name.", column="canary_id", identifies=True)]
    tenant: Annotated[
        str,
        Field("In whose data it is planted.", Form.TENANT, column="tenant_id", identifies=True),
    ]
    dataset: Annotated[
        str, Field("The dataset that it is planted in; a grant that covers it covers a sighting.")
    ] = ""
    fingerprints: Annotated[
        tuple[int, ...],
        Field(
            "The planted value: one identifier. It is read once; what is stored, and shown as "
            "`fingerprint:...`, are its fingerprints.",
            Form.PLANTED,
            key="value",
        ),
    ]
    valid_from: Annotated[
        datetime, Field("Calls before it prove nothing.", Form.TIME, key="from")
    ] = ALWAYS
    valid_until: Annotated[
        datetime, Field("Its end, itself no longer valid.", Form.TIME, key="until")
    ] = FOREVER


Record = (
    Tenant
    | DatasetOwner
    | Party
    | Tool
    | Relation
    | Approval
    | Credential
    | Principal
    | Issuer
    | Session
    | Canary
)

KINDS: Mapping[str, type[Record]] = {
    record.kind: record
    for record in (
        Tenant,
        DatasetOwner,
        Party,
        Tool,
        Relation,
        Approval,
        Credential,
        Principal,
        Issuer,
        Session,
        Canary,
    )
}

SINGULAR: Mapping[str, str] = {
    kind: kind[:-3] + "y" if kind.endswith("ies") else kind[:-1] for kind in KINDS
}
"""A line of a JSON lines file names its kind in the singular or the plural."""
