"""The principals of the registry as the receivers know them."""

import threading
from collections.abc import Iterator
from hashlib import sha256

import pytest

from partywall_collector.principals import (
    Principals,
    of_certificate,
    of_jwt,
    of_token,
)
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal
from partywall_collector.store import Store

DESK = "spiffe://msp/desk"


@pytest.fixture
def principals(store: Store) -> Iterator[Principals]:
    known = Principals(store, 3600)
    yield known
    known.stop()


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def test_a_new_token_works_at_once_and_a_revoked_one_stops(
    principals: Principals, store: Store
) -> None:
    """A newer row of a principal replaces it; a row without a token takes the token away."""
    write([Principal(id="late", tenants=("acme",), token_sha256=digest("old"))], store)
    principals.refresh()
    assert principals.find(of_token("old")) is not None
    write([Principal(id="late", tenants=("acme",), token_sha256=digest("new"))], store)
    principals.refresh()
    assert principals.find(of_token("old")) is None
    assert principals.find(of_token("new")) is not None
    write([Principal(id="late", tenants=("acme",))], store)
    principals.refresh()
    assert principals.find(of_token("new")) is None


def test_unknown_tokens_do_not_become_database_load(principals: Principals, store: Store) -> None:
    """The registry is asked at most once a second, however many wrong tokens arrive."""
    principals.refresh()
    write([Principal(id="later", tenants=("acme",), token_sha256=digest("unknown yet"))], store)
    assert principals.find(of_token("unknown yet")) is None
    threading.Event().wait(1.05)
    assert principals.find(of_token("unknown yet")) is not None


def test_a_principal_is_known_by_each_of_its_credentials(
    principals: Principals, store: Store
) -> None:
    """Token, JWT subject of its issuer, SPIFFE id: the same sender, with its roles."""
    principal = Principal(
        id="desk",
        tenants=("acme", "fjord"),
        token_sha256=digest("three ways"),
        jwt_issuer="https://idp",
        jwt_subject="desk",
        spiffe_id=DESK,
        roles=("gateway",),
    )
    write([principal], store)
    principals.refresh()
    for credential in (
        of_token("three ways"),
        of_jwt("https://idp", "desk"),
        of_certificate(DESK),
    ):
        found = principals.find(credential)
        assert found is not None
        assert (found.id, found.tenants, found.roles) == ("desk", ("acme", "fjord"), {"gateway"})
    assert principals.find(of_jwt("https://other", "desk")) is None
    assert principals.find(of_token(DESK)) is None


def test_a_credential_that_two_principals_share_is_good_for_neither(
    principals: Principals, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can say who sent; the log names both, and what else they have stays good."""
    twins = [
        Principal(id=name, tenants=("acme",), token_sha256=digest(name), spiffe_id=f"{DESK}/twin")
        for name in ("left", "right")
    ]
    write(twins, store)
    principals.refresh()
    assert principals.find(of_certificate(f"{DESK}/twin")) is None
    assert principals.find(of_token("left")) is not None
    assert "left and right have the same SPIFFE id" in caplog.text
