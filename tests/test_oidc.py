"""JSON Web Tokens of an OpenID Connect issuer that runs here: what is taken and what is not."""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from partywall_collector.authenticators import Chain, Sender, jwks
from partywall_collector.authenticators.oidc import OidcIssuer
from partywall_collector.authenticators.registered import Registered
from partywall_collector.component_values import Duration
from partywall_collector.extensions import Oidc
from partywall_collector.principals import Principal as Sending
from partywall_collector.principals import Principals
from partywall_collector.receivers.refusals import Reason, Refused
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, open_store


class Issuer:
    """An issuer on loopback; `documents` is what it answers, a path without one is 503."""

    def __init__(self) -> None:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = issuer.documents.get(self.path)
                self.send_response(200 if body is not None else 503)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.asked: list[str] = []
        self.documents: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.keys: dict[str, Any] = {}
        self.rotate("one")

    def rotate(self, *kids: str) -> None:
        """Publish keys with these ids: those that are there stay, new ones are made."""
        self.keys = {
            kid: self.keys.get(kid) or ec.generate_private_key(ec.SECP256R1()) for kid in kids
        }
        keys = [
            json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid}
            for kid, key in self.keys.items()
        ]
        self.publish({"keys": keys})

    def publish(self, keys: Any, **other: Any) -> None:
        found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | other
        self.documents = {
            "/.well-known/openid-configuration": json.dumps(found).encode(),
            "/keys": json.dumps(keys).encode(),
        }

    def token(self, key: Any = None, *, kid: str = "one", alg: str = "ES256", **other: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": "partywall", "sub": "desk", "iat": now, "exp": now + 300}
        claims = {name: value for name, value in (claims | other).items() if value is not None}
        signing: Any = key or (None if alg == "none" else self.keys[kid])
        return jwt.encode(claims, signing, alg, {"kid": kid, "typ": other.pop("typ", "JWT")})

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('oidc')}/home", role="owner") as store:
        write([Tenant(id="acme")], store)
        yield store


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    monkeypatch.setattr(jwks, "SHORTEST_PAUSE", 0.2)
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture
def chain(store: Store, issuer: Issuer) -> Iterator[Chain]:
    desk = Principal(id="desk", tenants=("acme",), jwt_issuer=issuer.url, jwt_subject="desk")
    write([desk], store)
    principals = Principals(store, 3600)
    settings = Oidc(issuer.url, audience="partywall", refresh_interval=Duration(3600))
    yield Chain([Registered(principals), OidcIssuer(settings, principals, "oidc")], principals)
    principals.stop()


def admitted(chain: Chain, token: str) -> Sending:
    return chain.admit(Sender(f"Bearer {token}"))


def refused(chain: Chain, token: str) -> tuple[Reason, str]:
    with pytest.raises(Refused) as caught:
        admitted(chain, token)
    return caught.value.reason, str(caught.value)


def test_a_subject_of_the_issuer_is_its_principal(chain: Chain, issuer: Issuer) -> None:
    """The keys are fetched once for many tokens."""
    assert admitted(chain, issuer.token()).id == "desk"
    assert admitted(chain, issuer.token(aud=["other", "partywall"])).tenants == ("acme",)
    assert admitted(chain, issuer.token(typ="at+jwt")).id == "desk"
    assert len(issuer.asked) == 2


def test_a_subject_without_a_principal_is_told_what_is_missing(
    chain: Chain, issuer: Issuer
) -> None:
    """Its token is good, so it is forbidden and not unauthenticated."""
    reason, text = refused(chain, issuer.token(sub="somebody"))
    assert reason is Reason.FORBIDDEN
    assert "no principal is its subject 'somebody'" in text


def test_bad_tokens_are_refused(chain: Chain, issuer: Issuer) -> None:
    """Expired, early, for others, of others, unsigned, signed with the public key, incomplete."""
    now = int(time.time())
    public = issuer.keys["one"].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    by_hmac = _signed_by_hmac(issuer.token(), pem)
    other = ec.generate_private_key(ec.SECP256R1())
    for token, why in (
        (issuer.token(exp=now - 120), "it has expired"),
        (issuer.token(nbf=now + 120), "it is not good yet"),
        (issuer.token(aud="other"), "another audience"),
        (issuer.token(aud=None), "another audience|claim is missing"),
        (issuer.token(exp=None), "a claim is missing"),
        (issuer.token(sub=None), "a claim is missing"),
        (issuer.token(sub=""), "broken"),
        (issuer.token(other), "not that of the issuer"),
        (issuer.token(alg="none"), "in a way that is not taken"),
        (by_hmac, "in a way that is not taken"),
        (issuer.token(typ="partywall-grant+jwt"), "broken"),
        (issuer.token()[:-8] + "AAAAAAAA", "not that of the issuer"),
    ):
        reason, text = refused(chain, token)
        assert reason is Reason.UNAUTHENTICATED
        assert any(part in text for part in why.split("|")), text
    for token in (issuer.token(iss="https://other"), "a.b.c", "..", "x" * 99999 + ".y.z"):
        assert refused(chain, token) == (
            Reason.UNAUTHENTICATED,
            "the token is not known or no longer good; `partywall registry token` makes one",
        )


def _signed_by_hmac(token: str, secret: bytes) -> str:
    """The token's claims, signed by HMAC with a public key as the secret; PyJWT refuses to."""
    header = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT","kid":"one"}').rstrip(b"=").decode()
    body = f"{header}.{token.split('.')[1]}"
    digest = hmac.digest(secret, body.encode(), "sha256")
    return f"{body}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_a_key_signs_only_as_its_kind_may(chain: Chain, issuer: Issuer) -> None:
    """Symmetric keys, keys for encryption and keys of another algorithm in the set are no use."""
    key = rsa.generate_private_key(65537, 2048)
    jwk = json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "one"}
    secret = {"kty": "oct", "kid": "two", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}
    issuer.publish(
        {"keys": [jwk | {"alg": "RS256"}, secret, jwk | {"use": "enc", "kid": "three"}, 7]}
    )
    assert admitted(chain, issuer.token(key, alg="RS256")).id == "desk"
    assert "not taken" in refused(chain, issuer.token(key, alg="PS256"))[1]
    for kid, alg, by in (
        ("two", "HS256", "secret-secret-secret-secret-secret"),
        ("three", "RS256", key),
    ):
        time.sleep(0.25)
        assert refused(chain, issuer.token(by, kid=kid, alg=alg))[0] is Reason.UNAUTHENTICATED


def test_a_rotated_key_works_at_once_and_a_withdrawn_one_stops(
    chain: Chain, issuer: Issuer
) -> None:
    """A key id that is not known is asked for; what a withdrawn key signed is looked at again."""
    old = issuer.token()
    assert admitted(chain, old).id == "desk"
    time.sleep(0.25)
    issuer.rotate("two")
    assert admitted(chain, issuer.token(kid="two")).id == "desk"
    time.sleep(0.25)
    assert refused(chain, old)[0] is Reason.UNAUTHENTICATED


def test_unknown_key_ids_do_not_become_load(chain: Chain, issuer: Issuer) -> None:
    """Within the pause the sender is asked to come back, which loses nothing."""
    other = ec.generate_private_key(ec.SECP256R1())
    reasons = [refused(chain, issuer.token(other, kid=f"{n}"))[0] for n in range(20)]
    assert reasons[0] is Reason.UNAUTHENTICATED
    assert Reason.UNAVAILABLE in reasons
    assert issuer.asked.count("/keys") <= 3


def test_an_issuer_that_is_down_loses_nothing(chain: Chain, issuer: Issuer) -> None:
    """Without keys senders are asked to come back; once known, keys stay while it is down."""
    documents, issuer.documents = issuer.documents, {}
    assert refused(chain, issuer.token())[0] is Reason.UNAVAILABLE
    time.sleep(0.25)
    issuer.documents = documents
    assert admitted(chain, issuer.token()).id == "desk"
    issuer.documents = {}
    time.sleep(0.25)
    assert (
        refused(chain, issuer.token(ec.generate_private_key(ec.SECP256R1()), kid="x"))[0]
        is Reason.UNAVAILABLE
    )
    assert admitted(chain, issuer.token()).id == "desk"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"issuer": "https://other"}, "another issuer"),
        ({"jwks_uri": "http://elsewhere.example/keys"}, "no https jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "no https jwks_uri"),
        ({"filler": "x" * jwks.LARGEST}, "larger than"),
    ],
)
def test_a_strange_issuer_document_gives_no_keys(
    chain: Chain, issuer: Issuer, caplog: pytest.LogCaptureFixture, change: Any, said: str
) -> None:
    """Documents are bounded and must name this issuer; the log says what was wrong."""
    issuer.publish({"keys": []}, **change)
    assert refused(chain, issuer.token())[0] is Reason.UNAVAILABLE
    assert said in caplog.text
