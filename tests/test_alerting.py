"""Alerts of a real store to real receivers: halves, delivery records, dead targets, containment."""

import base64
import io
import json
import shutil
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from receiving import Received, Receiver
from rich.console import Console
from waiting import wait_for

from partywall_analyzer import OPERATOR, Finding, analyze, get_finding, list_findings
from partywall_analyzer.alerts.alerting import Alerting
from partywall_analyzer.alerts.config import AlertConfig
from partywall_analyzer.alerts.outbox import Outbox, OutboxInUse
from partywall_analyzer.picture import print_finding
from partywall_analyzer.responses import respond
from partywall_analyzer.standing import Kind
from partywall_analyzer.testing import START, Log
from partywall_collector.config_document import parse
from partywall_collector.registry import Credential, DatasetOwner, Record, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
CREDENTIAL = Credential(
    id="cred-7",
    tenant="acme",
    identity="agent:assistant",
    issued=START - timedelta(hours=1),
    expires=START + timedelta(days=1),
)
RECORDS: list[Record] = [
    Tenant(id="acme", name="Acme Logistics"),
    Tenant(id="fjord", name="Fjord Bank"),
    DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
    CREDENTIAL,
]
WHOLE = """
targets:
  webhook/soc: {{url: "{soc}", secret: "${{env:PARTYWALL_TEST_SECRET}}"}}
  webhook/acme: {{url: "{acme}", secret: "${{env:PARTYWALL_TEST_SECRET}}"}}
  webhook/fjord: {{url: "{fjord}", secret: "${{env:PARTYWALL_TEST_SECRET}}"}}
  revocation/idp: {{url: "{idp}"}}
routes:
  - {{target: webhook/soc, operator: true}}
  - {{target: webhook/acme, tenant: acme}}
  - {{target: webhook/fjord, tenant: fjord}}
contain: [{{target: revocation/idp, severity: critical}}]
retry: {{initial_interval: 10ms, max_interval: 20ms}}
"""


@pytest.fixture(scope="module")
def shared(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store in which acme's agent wrote to fjord's CRM with a credential, found."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("alerting") / "home", symlinks=True)
    with open_store(f"chdb://{home}", role="owner") as store:
        write(RECORDS, store)
        log = Log(store)
        run = log.agent("acme", request="REQ-7")
        log.call(
            "acme", parent=run, tool="update", writes=["crm/fjord/1"], credential="cred-7",
            request="REQ-7",
        )  # fmt: skip
        log.write()
        analyze(store)
        yield store


@pytest.fixture
def store(shared: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same with nothing said or done about it yet."""
    monkeypatch.setenv("PARTYWALL_TEST_SECRET", SECRET)
    shared.command("TRUNCATE TABLE responses")
    return shared


def finding(store: Store) -> Finding:
    """The finding, with what was done about it."""
    (listed,) = list_findings(store, OPERATOR, states=(), rules=["foreign-dataset"]).rows
    found = get_finding(store, OPERATOR, listed.id)
    assert found
    return found


@contextmanager
def receivers() -> Generator[dict[str, Receiver]]:
    """One for each target."""
    with Receiver() as soc, Receiver() as acme, Receiver() as fjord, Receiver() as idp:
        yield {"soc": soc, "acme": acme, "fjord": fjord, "idp": idp}


def config(there: dict[str, Receiver], **more: str) -> AlertConfig:
    """Routes to these receivers."""
    urls = {name: each.url for name, each in there.items()} | more
    return AlertConfig.read(parse(WHOLE.format(**urls), "alerts.yaml"))


def once(store: Store, home: Path, conf: AlertConfig) -> int:
    """One look, as `partywall watch --once` has it; how many alerts were new."""
    with Outbox(home) as outbox, Alerting(store, conf, outbox) as alerting:
        made = alerting.look()
        alerting.start(once=True).join()
        alerting.settle()
        return len(made)


def test_each_audience_gets_its_half_and_each_delivery_is_recorded(
    store: Store, tmp_path: Path
) -> None:
    """The operator gets the whole; no tenant's body holds a word of the other one."""
    with receivers() as there:
        assert once(store, tmp_path, config(there)) == 4
        assert once(store, tmp_path, config(there)) == 0, "said once is said"
        said: dict[str, Any] = {name: each.received for name, each in there.items()}
    assert {name: len(each) for name, each in said.items()} == dict.fromkeys(there, 1)
    whole, acme, fjord = (said[name][0].body.decode() for name in ("soc", "acme", "fjord"))
    assert "Fjord Bank" in whole
    assert "Acme Logistics" in whole
    assert not [word for word in ("fjord", "Fjord") if word in acme]
    assert not [word for word in ("acme", "Acme", "REQ-7", "cred-7") if word in fjord]
    assert json.loads(acme)["data"]["finding"]["agent"] == "assistant"
    told = [(r.tenant, r.kind, r.target, r.outcome) for r in finding(store).responses]
    assert sorted(told) == [
        ("", Kind.NOTIFY, "webhook/soc", "done"),
        ("acme", Kind.CONTAIN, "revocation/idp", "requested"),
        ("acme", Kind.NOTIFY, "webhook/acme", "done"),
        ("fjord", Kind.NOTIFY, "webhook/fjord", "done"),
    ]
    half = finding(store).for_tenant("fjord")
    assert [each.target for each in half.responses] == ["webhook/fjord"]


def test_a_dead_target_holds_up_nobody_else_and_loses_nothing(store: Store, tmp_path: Path) -> None:
    """It is told when it comes back, with the same id; the others hear at once."""
    down = threading.Event()
    down.set()
    with receivers() as there:

        def answer(_: Received) -> int:
            return 503 if down.is_set() else 200

        there["soc"].answer = answer
        conf = config(there)
        with Outbox(tmp_path) as outbox, Alerting(store, conf, outbox).start() as alerting:
            alerting.look()
            wait_for(lambda: there["acme"].received and there["fjord"].received)
            wait_for(lambda: len(there["soc"].received) > 3)
            (status,) = [each for each in outbox.status() if each.target == "webhook/soc"]
            assert (status.waiting, status.delivered) == (1, 0)
            assert status.error.startswith("503")
            down.clear()
            wait_for(lambda: not any(each.waiting for each in outbox.status()))
        ids = {each.headers["webhook-id"] for each in there["soc"].received}
        assert len(ids) == 1
        assert len(there["acme"].received) == 1


def test_an_alert_that_is_refused_is_recorded_and_blocks_nothing(
    store: Store, tmp_path: Path
) -> None:
    """A 400 is for this alert alone; the record says so."""
    with receivers() as there:
        for each in (there["soc"], there["idp"]):
            each.answer = refusing
        once(store, tmp_path, config(there))
        assert len(there["soc"].received) == 1
    ended = {(r.target, r.outcome) for r in finding(store).responses}
    assert ended >= {
        ("webhook/soc", "refused"),
        ("revocation/idp", "requested"),
        ("revocation/idp", "refused"),
        ("webhook/acme", "done"),
    }


def test_what_is_closed_is_resolved_and_what_was_told_is_kept_without_its_content(
    store: Store, tmp_path: Path
) -> None:
    """A close by one tenant ends it for that tenant; the outbox keeps no body that was sent."""
    with receivers() as there:
        once(store, tmp_path, config(there))
        respond(store, finding(store), Kind.CLOSE, by="ann", tenants=["acme"], reason="accepted")
        assert once(store, tmp_path, config(there)) == 1
        last = there["acme"].received[-1].json()
    assert last["type"] == "partywall.finding.resolved"
    assert last["data"]["finding"]["state"] == "closed"
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert finding(store).id.encode() in kept
    assert (tmp_path / "alerts.db").stat().st_mode & 0o077 == 0
    with Outbox(tmp_path, copy=True) as outbox:
        assert all(each.finding == {} for each in outbox.open("webhook/soc"))


def test_a_revocation_in_the_registry_confirms_what_was_asked_and_gives_the_time(
    store: Store, tmp_path: Path
) -> None:
    """Requested, confirmed, and how long it took, in the record and in the picture."""
    with receivers() as there:
        once(store, tmp_path, config(there))
        assert there["idp"].received[0].body == b"token=cred-7"
        (asked,) = [r for r in finding(store).responses if r.kind is Kind.CONTAIN]
        later = asked.at + timedelta(microseconds=1)
        write([replace(CREDENTIAL, revoked=later)], store)
        once(store, tmp_path, config(there))
        once(store, tmp_path, config(there))
    found = finding(store)
    contained = [(r.outcome, r.tenant) for r in found.responses if r.kind is Kind.CONTAIN]
    assert contained == [("requested", "acme"), ("confirmed", "acme")]
    console = Console(width=100, record=True, file=io.StringIO())
    print_finding(found, console)
    assert "Revoked for acme after 0.0 s." in console.export_text()
    with Outbox(tmp_path / "other", copy=True) as outbox, receivers() as there:
        made = Alerting(store, config(there), outbox).look_only()
        assert "revoke" not in {alert.event.value for alert in made}, "it is revoked already"
    write([CREDENTIAL], store)


def test_alertmanager_is_told_again_until_the_finding_is_closed(
    store: Store, tmp_path: Path
) -> None:
    """Every `resend_interval` without an end; then once with one, and no more."""
    with Receiver() as manager:
        text = (
            f"targets: {{alertmanager: {{url: '{manager.url}', resend_interval: 20ms}}}}\n"
            "routes: [{target: alertmanager, operator: true}]"
        )
        conf = AlertConfig.read(parse(text, "x"))
        with Outbox(tmp_path) as outbox, Alerting(store, conf, outbox).start() as alerting:
            alerting.look()
            wait_for(lambda: len(manager.received) > 2)
            assert not any("endsAt" in each.json()[0] for each in manager.received)
            respond(store, finding(store), Kind.CLOSE, by="ann", reason="drill")
            alerting.look()
            wait_for(lambda: "endsAt" in manager.received[-1].json()[0])
            told = len(manager.received)
            wait_for(lambda: not outbox.open("alertmanager"))
            assert len(manager.received) == told
    labels = [tuple(sorted(each.json()[0]["labels"].items())) for each in manager.received]
    assert len(set(labels)) == 1


def test_what_waits_for_one_audience_never_goes_to_another(store: Store, tmp_path: Path) -> None:
    """The file gives the name of a target to another tenant while its alerts wait."""
    with receivers() as there:
        there["acme"].answer = down_now
        once(store, tmp_path, config(there))
        there["acme"].answer = up_now
        there["acme"].received.clear()
        swapped = WHOLE.replace(
            "target: webhook/acme, tenant: acme", "target: webhook/acme, tenant: fjord"
        )
        swapped = swapped.replace(
            "target: webhook/fjord, tenant: fjord", "target: webhook/fjord, tenant: acme"
        )
        urls = {name: each.url for name, each in there.items()}
        once(store, tmp_path, AlertConfig.read(parse(swapped.format(**urls), "x")))
        (got,) = there["acme"].received
    assert got.json()["data"]["tenant"] == "fjord"


def test_one_process_sends_and_any_may_look(tmp_path: Path) -> None:
    """A second sender is refused and told whom to stop."""
    with (
        Outbox(tmp_path),
        Outbox(tmp_path, copy=True),
        pytest.raises(OutboxInUse, match="partywall watch"),
    ):
        Outbox(tmp_path)
    Outbox(tmp_path).close()


def refusing(_: Received) -> int:
    """The alert itself is at fault."""
    return 400


def down_now(_: Received) -> int:
    """Not now."""
    return 503


def up_now(_: Received) -> int:
    """Taken."""
    return 200
