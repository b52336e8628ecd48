"""Entries of the registry over HTTP: all of a request or nothing, of one's own tenants, once."""

import gzip
import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from collecting import collecting

from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.principals import SHORTEST_PAUSE, of_token
from partywall_collector.registry import (
    Approval,
    Canary,
    Credential,
    Record,
    Relation,
    Session,
    Tenant,
)
from partywall_collector.registry.load import current, write
from partywall_collector.registry.model import GOVERNANCE, Principal
from partywall_collector.store import Store, open_store

PAGE = Path(__file__).parent.parent / "docs" / "governance.md"
JSON = "application/json"
LINES = "application/x-ndjson"
YEAR = "2026-01-01T00:00:00Z"

APPROVAL: dict[str, Any] = {
    "id": "CHG-1", "tenant": "acme", "grantee": "fjord", "request": "REQ-1",
    "datasets": ["crm/acme/*"], "from": YEAR,
}  # fmt: skip
GRANT: dict[str, Any] = {
    "id": "gdap-7", "tenant": "acme", "grantee": "fjord", "kind": "delegated-administration",
    "datasets": ["crm/acme/*"], "operations": ["read"], "from": YEAR, "until": "2027-01-01",
}  # fmt: skip
CREDENTIAL: dict[str, Any] = {"id": "lease-7", "tenant": "acme", "issued": YEAR}


def records() -> list[Record]:
    def principal(name: str, *tenants: str, roles: tuple[str, ...] = (GOVERNANCE,)) -> Principal:
        digest = of_token(name)[1]
        return Principal(id=name, tenants=tenants, token_sha256=digest, roles=roles)

    return [
        Tenant(id="acme"),
        Tenant(id="fjord"),
        principal("desk", "acme"),
        principal("other", "fjord"),
        principal("agent", "acme", roles=()),
        principal("operator", "*"),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("intake") / "home"
    with open_store(f"chdb://{home}", role="owner") as store:
        write(records(), store)
        yield store


@pytest.fixture(scope="module")
def collector(store: Store) -> Iterator[Collector]:
    with Collector(store, Config.default(store.url)) as collector:
        yield collector


def post(
    collector: Collector, body: object, *, who: str = "desk", form: str = JSON, **headers: str
) -> tuple[int, dict[str, Any]]:
    """The status and the answer, which is JSON whatever was sent."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(collector.http_endpoint[7:], timeout=10)
    given = {"Authorization": f"Bearer {who}", "Content-Type": form} | headers
    connection.request("POST", "/v1/registry", raw, given)
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == JSON
    said = answer.status, json.loads(answer.read())
    connection.close()
    return said


def syncs(store: Store) -> int:
    """How often the engine has waited for the disk: once a file and a folder, at least."""
    (row,) = store.rows(
        "SELECT sum(value) AS n FROM system.events WHERE event IN ('FileSync', 'DirectorySync')"
    )
    return int(row["n"])


def mistakes(said: dict[str, Any]) -> dict[str, str]:
    """What is wrong, by its field."""
    (detail,) = said["details"]
    return {each.get("field", ""): each["description"] for each in detail["fieldViolations"]}


def test_entries_are_in_the_registry_when_they_are_acknowledged(
    collector: Collector, store: Store
) -> None:
    """Of the four kinds of a tenant, in the form of the files; sent again they change nothing."""
    session = {"request": "REQ-1", "tenant": "acme", "opened": YEAR, "text": "Mail b@c.example"}
    body = {
        "approvals": [APPROVAL],
        "relations": [GRANT],
        "credentials": [CREDENTIAL],
        "sessions": [session],
    }
    before, synced = datetime.now(UTC), syncs(store)
    assert post(collector, body) == (200, {"entries": 4, "changed": 4})
    assert syncs(store) - synced >= 4 * 2, "a power cut takes no acknowledged entry away"
    assert post(collector, body) == (200, {"entries": 4, "changed": 0})
    (approval,), (grant,) = current(store, Approval), current(store, Relation)
    assert (approval.id, approval.valid_from) == ("CHG-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert (grant.relation, grant.operations) == ("delegated-administration", ("read",))
    (opened,) = current(store, Session)
    assert opened.named == (("email", "b@c.example"),)
    (row,) = store.rows("SELECT recorded_at FROM approvals")
    assert row["recorded_at"].replace(tzinfo=UTC) >= before


def test_an_entry_is_merged_over_the_one_in_force(collector: Collector, store: Store) -> None:
    """So a revocation names the id and the time; the first one stays."""
    assert post(collector, {"credentials": [CREDENTIAL | {"id": "lease-8"}]})[0] == 200
    lines = b'{"kind": "credential", "id": "lease-8", "revoked": "2026-02-01T00:00:00Z"}\n'
    assert post(collector, lines, form=LINES) == (200, {"entries": 1, "changed": 1})
    later = {"credentials": [{"id": "lease-8", "revoked": "2026-03-01T00:00:00Z"}]}
    assert post(collector, later) == (200, {"entries": 1, "changed": 0})
    (found,) = [one for one in current(store, Credential) if one.id == "lease-8"]
    assert (found.tenant, found.revoked) == ("acme", datetime(2026, 2, 1, tzinfo=UTC))
    packed = gzip.compress(json.dumps({"credentials": [CREDENTIAL | {"id": "gz"}]}).encode())
    assert post(collector, packed, **{"Content-Encoding": "gzip"})[0] == 200


def test_an_entry_cannot_say_that_it_was_recorded_earlier(collector: Collector) -> None:
    """Or whoever may write approvals could heal a call that was made without one."""
    code, said = post(collector, {"approvals": [APPROVAL | {"id": "CHG-9", "recorded": YEAR}]})
    assert code == 400
    (why,) = mistakes(said).values()
    assert "only a file that the operator loads" in why


def test_one_mistake_keeps_all_of_a_request_out(collector: Collector, store: Store) -> None:
    """Each is told with its field, so that one request mends them all."""
    good, bad = APPROVAL | {"id": "CHG-2"}, APPROVAL | {"id": "CHG-3", "until": "2025-01-01"}
    body = {
        "approvals": [good, bad],
        "credentials": [
            {"id": "lease-9"},
            CREDENTIAL | {"id": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"},
        ],
        "relations": [GRANT | {"untill": YEAR}, GRANT | {"grantee": "nobody"}],
    }
    status, said = post(collector, body)
    assert (status, said["message"]) == (400, "nothing is stored: 5 mistakes")
    found = mistakes(said)
    assert found["approvals[1].until"] == "ends before it begins"
    assert found["credentials[0].tenant"] == "is missing"
    assert "looks like a secret" in found["credentials[1].id"]
    assert "did you mean 'until'" in found["relations[0].untill"]
    assert found["relations[1].grantee"] == "no tenant 'nobody' is registered"
    assert "CHG-2" not in {one.id for one in current(store, Approval)}


@pytest.mark.parametrize(
    ("body", "field", "what"),
    [
        ({"principals": [{"id": "x", "tenants": ["*"]}]}, "principals[0]", "are taken here"),
        ({"aprovals": []}, "aprovals", "did you mean 'approvals'"),
        ({"approvals": ["CHG-1"]}, "approvals[0]", "expected keys and values"),
        (b'{"approvals": [], "approvals": []}', "", "is there twice"),
        (b"[" * 9000 + b"]" * 9000, "", "nested deeper"),
        (b'{"approvals": ', "", "not JSON"),
        (b"\xff", "line 1", "not UTF-8"),
        ({}, "", "holds no entries"),
    ],
)  # fmt: skip
def test_what_is_no_entry_is_told(
    collector: Collector, body: object, field: str, what: str
) -> None:
    """A clear 400, never a crash; nothing but the five kinds is written from outside."""
    status, said = post(collector, body)
    assert status == 400
    ((where, why),) = mistakes(said).items()
    assert where == field
    assert what in why


def test_a_sender_writes_for_its_own_tenants(collector: Collector, store: Store) -> None:
    """403 for another one's, and for whoever has no role; what there is, is not told."""
    status, said = post(collector, {"approvals": [APPROVAL | {"tenant": "fjord"}]})
    assert status == 403
    assert mistakes(said) == {"approvals[0].tenant": "the principal desk may not write for 'fjord'"}
    assert post(collector, {"credentials": [CREDENTIAL]}, who="agent")[0] == 403
    assert post(collector, {"credentials": [CREDENTIAL]}, who="nobody")[0] == 401
    assert post(collector, {"credentials": [CREDENTIAL]}, form="text/plain")[0] == 415
    taken = post(collector, {"credentials": [CREDENTIAL | {"tenant": "fjord"}]}, who="other")
    assert "another tenant's credential" in mistakes(taken[1])["credentials[0].id"]
    gone = post(collector, {"credentials": [{"id": "lease-7", "revoked": YEAR}]}, who="other")
    assert gone[0] == 400
    assert {one.tenant for one in current(store, Credential)} == {"acme"}


def test_a_canary_is_registered_by_who_writes_for_every_tenant(
    collector: Collector, store: Store
) -> None:
    """A tenant's keeper could ask with one who else holds a value; the value itself is not kept."""
    value = "pw-5b1c0e7a93f64d2288c1"
    entry = {"id": "crm-row", "tenant": "acme", "value": value}
    status, said = post(collector, {"canaries": [entry]})
    assert status == 403
    assert "only who writes for every tenant" in mistakes(said)["canaries[0].value"]
    assert post(collector, {"canaries": [entry]}, who="operator")[1] == {"entries": 1, "changed": 1}
    assert post(collector, {"canaries": [entry]}, who="operator")[1] == {"entries": 1, "changed": 0}
    ended = {"id": "crm-row", "tenant": "acme", "until": "2026-05-01"}
    assert post(collector, {"canaries": [ended]}, who="operator")[0] == 200
    (kept,) = current(store, Canary)
    assert (len(kept.fingerprints), kept.valid_until.month) == (1, 5)
    assert value not in str(store.rows("SELECT * FROM canaries"))


def test_the_example_of_the_page_runs_against_a_real_collector(tmp_path: Path) -> None:
    """`partywall collect` in a process, `curl` in another; what it took outlives kill -9."""
    url = f"chdb://{tmp_path / 'home'}"
    (example,) = re.findall(r"\$ (curl \S+/v1/registry .*?\n)```", PAGE.read_text(), re.DOTALL)
    with collecting(tmp_path / "home") as running:
        with open_store(url) as store:  # through the endpoint of the collector
            write(records(), store)
        time.sleep(SHORTEST_PAUSE)  # an unknown token is looked up once in this time
        done = subprocess.run(
            ["sh", "-c", example.replace("127.0.0.1:4318", running.http)],
            env=os.environ | {"TOKEN": "desk"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        running.process.kill()
        running.process.wait(60)
    assert json.loads(done.stdout) == {"entries": 2, "changed": 2}
    with collecting(tmp_path / "home"), open_store(url, role="reader") as store:
        assert [one.id for one in current(store, Approval)] == ["CHG-118"]
        assert [one.id for one in current(store, Relation)] == ["gdap-3f2a"]
