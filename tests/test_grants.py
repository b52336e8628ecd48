"""A session grant raises its session to A2, and nothing but a good one does."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from partywall import attributes as a
from partywall.errors import GrantError
from partywall.grants import TYPE, issue, read
from partywall_collector.canonical import from_json, from_protobuf
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.issuer_keys import BadKey, new_key, public_keys
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Issuer, Principal, Tenant
from partywall_collector.store import Store, open_store

ISSUER = "https://tickets.msp.example"
PRIVATE, PUBLIC = new_key()
STRANGER, _ = new_key()
SENDERS = {"agents@msp": "one", "others@msp": "two"}


def sign(key: str = PRIVATE, **changes: Any) -> str:
    """A good grant for the session s-1 of acme, but for the changes."""
    said: dict[str, Any] = {
        "issuer": ISSUER,
        "principal": "agents@msp",
        "tenant": "acme",
        "session": "s-1",
        "request": "REQ-7",
        "identity": "spiffe://msp/billing",
    }
    return issue(key, **said | changes)


def forge(session: str, claims: dict[str, Any] | None = None, **header: Any) -> str:
    """A grant with these claims changed or (None) taken out, signed by the registered key."""
    said: dict[str, Any] = jwt.decode(sign(session=session), options={"verify_signature": False})
    said |= claims or {}
    left = {name: value for name, value in said.items() if value is not None}
    key: Any = load_pem_private_key(PRIVATE.encode(), None)
    return jwt.encode(left, key, "EdDSA", {"typ": TYPE} | header)


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(session: str, algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'typ': TYPE})}.{sign(session=session).split('.')[1]}."


def signed_with_the_public_key(session: str) -> str:
    """The old confusion: an HMAC whose secret everybody knows."""
    body = f"{part({'alg': 'HS256', 'typ': TYPE})}.{sign(session=session).split('.')[1]}"
    return f"{body}.{part(hmac.digest(PUBLIC.encode(), body.encode(), 'sha256'))}"


BAD: dict[str, Callable[[str], str]] = {
    "unsigned": lambda s: unsigned(s, "none"),
    "unsigned, in capitals": lambda s: unsigned(s, "NONE"),
    "signature of another grant": lambda s: (
        f"{sign(session=s).rpartition('.')[0]}.{sign(session=s).rpartition('.')[2]}"
    ),
    "HMAC with the public key": signed_with_the_public_key,
    "foreign key": lambda s: sign(STRANGER, session=s),
    "unregistered issuer": lambda s: sign(session=s, issuer="https://evil.example"),
    "expired": lambda s: sign(session=s, issued=time.time() - 1000, lifetime=900),
    "not good yet": lambda s: sign(session=s, issued=time.time() + 3600),
    "wrong audience": lambda s: forge(s, {"aud": "somebody"}),
    "several audiences": lambda s: forge(s, {"aud": ["partywall", "somebody"]}),
    "another type": lambda s: forge(s, typ="JWT"),
    "unknown critical header": lambda s: forge(s, crit=["magic"], magic=1),
    "no session": lambda s: forge(s, {"session": None}),
    "no bearer": lambda s: forge(s, {"cnf": None}),
    "bearer that is no object": lambda s: forge(s, {"cnf": "agents@msp"}),
    "no expiry": lambda s: forge(s, {"exp": None}),
    "good for a year": lambda s: forge(s, {"exp": int(time.time()) + 365 * 86_400}),
    "time that is no number": lambda s: forge(s, {"exp": "tomorrow"}),
    "tenant that is no text": lambda s: forge(s, {"tenant": ["acme", "fjord"]}),
    "control characters": lambda s: forge(s, {"request": "a\x00b"}),
    "bound to another sender": lambda s: sign(session=s, principal="others@msp"),
    "for another session": lambda s: sign(session=f"{s}-other"),
    "for another tenant than the span's": lambda s: sign(session=s, tenant="fjord"),
    "tenant the issuer may not sign for": lambda s: sign(session=s, tenant="globex"),
    "no JWT": lambda s: "not.a.jwt",
    "empty": lambda s: "",
    "endless": lambda s: "x" * 100_000,
}


@dataclass
class Running:
    """A collector on real sockets, and its store."""

    collector: Collector
    store: Store

    def send(self, *spans: Span, sender: str = "agents@msp") -> None:
        """Post the spans and wait until they are in a table."""
        request = ExportTraceServiceRequest()
        request.resource_spans.add().scope_spans.add().spans.extend(spans)
        self.post(request.SerializeToString(), sender)

    def post(self, body: bytes, sender: str, kind: str = "application/x-protobuf") -> None:
        address = self.collector.http_endpoint.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=30)
        headers = {"Authorization": f"Bearer {SENDERS[sender]}", "Content-Type": kind}
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()
        assert self.collector.drain(30)

    def graded(self) -> dict[str, str]:
        """Name of each span -> its attestation, or the reason of its quarantine."""
        rows = self.store.rows(
            "SELECT name, toString(attestation) AS grade FROM spans "
            "UNION ALL SELECT name, toString(reason) FROM quarantine"
        )
        return {row["name"]: row["grade"] for row in rows}

    def stored(self) -> str:
        """Everything that the tables and the spool hold of the spans."""
        rows = [self.store.rows(f"SELECT * FROM {table}") for table in ("spans", "quarantine")]
        files = [path.read_bytes() for path in (self.store.home / "spool").glob("*")]
        return f"{rows}{files}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("grants") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        write([Tenant(id=name) for name in ("acme", "fjord", "globex")], store)
        digests = {name: hashlib.sha256(SENDERS[name].encode()).hexdigest() for name in SENDERS}
        write(
            [Principal(id=name, tenants=("*",), token_sha256=digests[name]) for name in SENDERS],
            store,
        )
        write([Issuer(id=ISSUER, tenants=("acme", "fjord"), public_key=PUBLIC)], store)
        with Collector(store, Config.default(store.url)) as collector:
            yield Running(collector, store)


@pytest.fixture
def running(engine: Running) -> Running:
    for table in ("spans", "calls", "quarantine"):
        engine.store.command(f"TRUNCATE TABLE {table}")
    return engine


def span(name: str, grant: str | None = None, /, **said: str) -> Span:
    """A span of the session s-1 of acme, but for what is said."""
    values = {a.TENANT_ID: "acme", a.SESSION_ID: "s-1"} | said
    pairs = [(key, value) for key, value in values.items() if value]
    if grant is not None:
        pairs.append((a.ATTESTATION_GRANT, grant))
    return Span(
        name=name,
        trace_id=os.urandom(16),
        span_id=os.urandom(8),
        start_time_unix_nano=time.time_ns(),
        end_time_unix_nano=time.time_ns(),
        attributes=[KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in pairs],
    )


# --- A good grant ------------------------------------------------------------------------------


def test_a_grant_raises_the_spans_of_its_session_and_no_others(running: Running) -> None:
    """One span brings it; the others of the session are raised, those of another one are not."""
    session = new_session()
    running.send(
        span("before", **{a.SESSION_ID: session}),
        span("brings it", sign(session=session), **{a.SESSION_ID: session}),
        span("other", **{a.SESSION_ID: "s-9"}),
        span("unsessioned", **{a.SESSION_ID: ""}),
    )
    assert running.graded() == {
        "before": "A2",
        "brings it": "A2",
        "other": "A1",
        "unsessioned": "A1",
    }


def test_the_grant_itself_is_nowhere_on_disk(running: Running) -> None:
    """Neither a good one nor a bad one is stored, in a table or in the spool."""
    session = new_session()
    good, bad = sign(session=session), sign(STRANGER)
    running.send(span("good", good, **{a.SESSION_ID: session}), span("bad", bad))
    assert running.graded() == {"good": "A2", "bad": "bad grant"}
    stored = running.stored()
    assert a.ATTESTATION not in stored
    for token in (good, bad):
        assert token.split(".")[1] not in stored


def test_a_session_is_remembered_for_its_sender_alone(running: Running) -> None:
    """Spans that were parted from the grant are raised; the same session of another is not."""
    session = new_session()
    running.send(span("first", sign(session=session), **{a.SESSION_ID: session}))
    running.send(span("later", **{a.SESSION_ID: session}))
    running.send(span("elsewhere", **{a.SESSION_ID: session}), sender="others@msp")
    assert running.graded() == {"first": "A2", "later": "A2", "elsewhere": "A1"}


def test_what_a_span_says_against_its_grant_counts_against_it(running: Running) -> None:
    """Another tenant is refused; another identity or request is not proven by the grant."""
    session = new_session()
    same = {a.SESSION_ID: session}
    running.send(
        span("grant", sign(session=session), **same),
        span("agrees", **same, **{a.IDENTITY_ID: "spiffe://msp/billing", a.REQUEST_ID: "REQ-7"}),
        span("other identity", **same, **{a.IDENTITY_ID: "spiffe://msp/admin"}),
        span("other request", **same, **{a.REQUEST_ID: "REQ-8"}),
        span("other tenant", **same, **{a.TENANT_ID: "fjord"}),
    )
    assert running.graded() == {
        "grant": "A2",
        "agrees": "A2",
        "other identity": "A1",
        "other request": "A1",
        "other tenant": "bad grant",
    }


def test_a_grant_is_taken_off_a_json_request_too(running: Running) -> None:
    """However the name is spelled in JSON."""
    session = new_session()
    pairs = {a.TENANT_ID: "acme", a.SESSION_ID: session, a.ATTESTATION_GRANT: sign(session=session)}
    document = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "name": "json",
                                "traceId": os.urandom(16).hex(),
                                "spanId": os.urandom(8).hex(),
                                "attributes": [
                                    {"key": key, "value": {"stringValue": value}}
                                    for key, value in pairs.items()
                                ],
                            }
                        ]
                    }
                ]
            }
        ]
    }
    body = json.dumps(document).replace("partywall.att", "\\u0070artywall.att").encode()
    assert b"partywall.attestation" not in body
    running.post(body, "agents@msp", "application/json")
    assert running.graded() == {"json": "A2"}


def test_p256_keys_and_a_key_that_is_being_replaced_are_good(running: Running) -> None:
    """Both keys of a roll-over sign, and a new issuer is known at once."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = pem(key)
    issuer = "https://rolling.example"
    write([Issuer(id=issuer, tenants=("acme",), public_key=f"{PUBLIC}\n{public}")], running.store)
    time.sleep(1.1)  # unknown issuers are looked up once a second
    old, new = new_session(), new_session()
    running.send(
        span("old key", sign(issuer=issuer, session=old), **{a.SESSION_ID: old}),
        span("new key", sign(private, issuer=issuer, session=new), **{a.SESSION_ID: new}),
    )
    assert running.graded() == {"old key": "A2", "new key": "A2"}


# --- A bad one ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(engine: Running) -> dict[str, str]:
    """What became of each bad grant's span, its neighbour in the session, and of an innocent."""
    spans = [span("innocent", **{a.SESSION_ID: new_session()})]
    for how, make in BAD.items():
        session = new_session()
        spans.append(span(how, make(session), **{a.SESSION_ID: session}))
        spans.append(span(f"{how}: neighbour", **{a.SESSION_ID: session}))
    engine.send(*spans)
    return engine.graded()


@pytest.mark.parametrize("how", BAD)
def test_a_bad_grant_sends_its_session_to_quarantine(judged: dict[str, str], how: str) -> None:
    """With its neighbours of the session; nobody else's spans suffer."""
    assert judged[how] == judged[f"{how}: neighbour"] == "bad grant"
    assert judged["innocent"] == "A1"


def test_a_copied_grant_is_worth_nothing_to_another_sender(running: Running) -> None:
    """It was good a moment ago, and is remembered as checked."""
    session = new_session()
    grant = sign(session=session)
    running.send(span("own", grant, **{a.SESSION_ID: session}))
    running.send(span("copied", grant, **{a.SESSION_ID: session}), sender="others@msp")
    assert running.graded() == {"own": "A2", "copied": "bad grant"}


def test_a_bad_grant_beside_a_good_one_spoils_it(running: Running) -> None:
    session = new_session()
    same = {a.SESSION_ID: session}
    running.send(span("good", sign(session=session), **same), span("bad", sign(STRANGER), **same))
    assert set(running.graded().values()) == {"bad grant"}


def test_a_bad_grant_without_a_session_hits_its_trace_alone(running: Running) -> None:
    none = {a.SESSION_ID: ""}
    running.send(span("bad", sign(STRANGER), **none), span("other trace", **none))
    assert running.graded() == {"bad": "bad grant", "other trace": "A1"}


def test_what_arrives_as_attestation_is_dropped(running: Running) -> None:
    """No attribute of a sender raises its span, on the span, the resource or in the envelope."""
    running.send(span("claims", **{a.ATTESTATION: "A3", f"{a.ATTESTATION}.grade": "A2"}))
    assert running.graded() == {"claims": "A1"}
    assert a.ATTESTATION not in running.stored()


def test_more_grants_than_may_travel_leave_the_rest_at_a1(running: Running) -> None:
    """Nobody can make the engine carry an endless list beside each span; bad ones go first."""
    sessions = [f"{new_session()}-{number}" for number in range(100)]
    running.send(
        *(span(name, sign(session=name), **{a.SESSION_ID: name}) for name in sessions),
        span("bad", sign(STRANGER)),
    )
    graded = running.graded()
    assert graded.pop("bad") == "bad grant"
    assert set(graded.values()) == {"A1", "A2"}


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_token_is_taken_off(noise: bytes) -> None:
    """Hostile grants raise nothing, and the request is otherwise what it was."""
    with_grant = span("x", noise.decode("latin-1"))
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(with_grant)
    canonical = from_protobuf(request.SerializeToString())
    assert canonical.grants == (("s-1", noise.decode("latin-1")),)
    del request.resource_spans[0].scope_spans[0].spans[0].attributes[-1]
    assert canonical.body == request.SerializeToString()
    assert from_json(b"{}").grants == ()


def test_a_text_that_spells_the_name_hides_no_grant() -> None:
    """All are taken off, wherever the name stands besides."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.spans.extend([span("text", note=a.ATTESTATION_GRANT), span("x", "one"), span("y", "two")])
    scope.spans[1].attributes.extend(scope.spans[1].attributes[-1:])
    canonical = from_protobuf(request.SerializeToString())
    assert canonical.grants == (("s-1", "one"), ("s-1", "two"))
    left = ExportTraceServiceRequest.FromString(canonical.body).resource_spans[0].scope_spans[0]
    assert {pair.key for one in left.spans for pair in one.attributes} == {
        a.TENANT_ID,
        a.SESSION_ID,
        "note",
    }


# --- Issuers -----------------------------------------------------------------------------------


def test_what_is_issued_can_be_read() -> None:
    """With subject and chain, in the nesting of RFC 8693."""
    token = sign(subject="user#42", actors=("spiffe://msp/planner",), lifetime=60, issued=1000)
    grant = read(token)
    assert (grant.tenant, grant.session, grant.request) == ("acme", "s-1", "REQ-7")
    assert (grant.identity, grant.subject) == ("spiffe://msp/billing", "user#42")
    assert grant.actors == ("spiffe://msp/billing", "spiffe://msp/planner")
    assert (grant.issued, grant.expires) == (1000, 1060)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["act"] == {"sub": "spiffe://msp/billing", "act": {"sub": "spiffe://msp/planner"}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant": ""},
        {"session": " "},
        {"principal": ""},
        {"lifetime": 0},
        {"lifetime": 86_401},
        {"actors": ("a",)},
        {"identity": "x" * 600},
        {"subject": "u", "actors": ("a",) * 40},
    ],
    ids=str,
)
def test_what_nobody_could_read_is_not_signed(wrong: dict[str, Any]) -> None:
    with pytest.raises(GrantError):
        sign(**wrong)


@pytest.mark.parametrize("key", ["", "no key", PUBLIC, "rsa", "p384"])
def test_only_keys_that_a_collector_takes_sign(key: str) -> None:
    """A public key, RSA or another curve is refused by both sides."""
    made: dict[str, Any] = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    }
    private, public = pem(made[key]()) if key in made else (key, "no key")
    with pytest.raises(GrantError):
        sign(private)
    with pytest.raises(BadKey):
        public_keys(public)
    with pytest.raises(BadKey):
        public_keys(PRIVATE)


@given(st.text(max_size=200))
def test_a_token_that_is_no_grant_is_an_error_of_its_own(text: str) -> None:
    with pytest.raises(GrantError):
        read(text)


def new_session() -> str:
    return os.urandom(8).hex()


def pem(key: Any) -> tuple[str, str]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode().strip()
