"""`partywall watch` as a process: killed at any moment, it loses no alert and renames none."""

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from receiving import Received, Receiver

from partywall_analyzer import Finding, analyze
from partywall_analyzer.alerts.alert import Event, alert_id
from partywall_analyzer.commands.watch import main
from partywall_analyzer.responses import responses_to
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store
from partywall_collector.store.facade import serve

Ran = Callable[..., tuple[int, str, str]]
FINDINGS = 60
KILLS = 6
CONFIG = """
targets:
  webhook/soc: {{url: "{url}", secret: "${{env:SOC_SECRET}}"}}
  stdout: {{}}
routes:
  - {{target: webhook/soc, operator: true, severity: high}}
  - {{target: stdout, tenant: acme, severity: high}}
retry: {{initial_interval: 10ms, max_interval: 50ms}}
"""
ENVIRONMENT = {"SOC_SECRET": "whsec_" + base64.b64encode(b"k" * 32).decode()}


@pytest.fixture(scope="module")
def store(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with many findings, served to the processes of this file."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("watch") / "home", symlinks=True)
    with open_store(f"chdb://{home}", role="owner") as store, serve(store):
        write([Tenant(id="acme"), Tenant(id="fjord")], store)
        write([DatasetOwner(pattern="crm/fjord/*", owner="fjord")], store)
        log = Log(store)
        log.call("acme", parent=log.agent("acme"), writes=["crm/fjord/1"])
        log.write()
        (finding,) = analyze(store).findings
        more = [replace(finding, id=name) for name in names(finding)]
        store.insert("ledger", [each.to_row(datetime.now(UTC)) for each in more])
        yield store


def names(finding: Finding) -> list[str]:
    """Ids of more findings."""
    return [f"F-{number:024x}" for number in range(1, FINDINGS)] + [finding.id]


def watch(store: Store, config: Path, *more: str) -> subprocess.Popen[str]:
    """`partywall watch` over the store."""
    command = [sys.executable, "-m", "partywall", "watch", str(config), "--store", store.url]
    return subprocess.Popen(
        [*command, "--no-analysis", *more],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def ran(store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ran:
    """The same in this process, to its end: exit code and what it said."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def run(config: Path, *more: str) -> tuple[int, str, str]:
        code = main([str(config), "--store", store.url, "--no-analysis", *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_no_kill_loses_an_alert_or_gives_it_another_id(
    store: Store, tmp_path: Path, ran: Ran
) -> None:
    """kill -9 at random moments, a receiver that often fails: all arrive, each under one id."""
    pick = random.Random(7)
    with Receiver(lambda _: pick.choice((200, 200, 503))) as soc:
        config = tmp_path / "alerts.yaml"
        config.write_text(CONFIG.format(url=soc.url))
        for kill in range(KILLS):
            process = watch(store, config, "--interval", "0.1")
            assert process.stderr
            assert "watching" in process.stderr.readline()
            time.sleep(pick.uniform(0, 0.4))
            process.kill()
            process.communicate()
            if kill == 0:
                assert len(soc.received) < FINDINGS * 2, "the kills come while it works"
        soc.answer = taking
        code, _, err = ran(config, "--once")
        assert code == 0, err
        ids = arrived(soc.received)
    ledger = [row["finding_id"] for row in store.rows("SELECT finding_id FROM ledger")]
    assert ids == {f: {alert_id("webhook/soc", "", f, Event.FOUND, "critical", 0)} for f in ledger}
    told = [r for r in responses_to(store, ledger) if r.target == "webhook/soc"]
    assert len(told) == FINDINGS, "one record of each delivery, also where it was written twice"


def taking(_: Received) -> int:
    """Up again."""
    return 200


def arrived(received: list[Received]) -> dict[str, set[str]]:
    """The ids under which each finding was told."""
    ids: dict[str, set[str]] = {}
    for each in received:
        ids.setdefault(each.json()["data"]["finding_id"], set()).add(each.headers["webhook-id"])
    return ids


def test_a_target_that_is_down_is_told_by_the_exit_code_and_by_status(
    store: Store, tmp_path: Path, ran: Ran
) -> None:
    """`--dry-run` sends nothing, `--once` says what waits, `--status` since when and why."""
    for name in ("alerts.db", "alerts.db-wal", "alerts.db-shm"):
        (store.home / name).unlink(missing_ok=True)
    config = tmp_path / "alerts.yaml"
    config.write_text(CONFIG.format(url="http://127.0.0.1:9"))
    code, out, _ = ran(config, "--dry-run", "--json")
    assert code == 0
    would = json.loads(out)["alerts"]
    assert len(would) == 2 * FINDINGS
    assert not (store.home / "alerts.db").exists()
    code, out, err = ran(config, "--once")
    assert code == 1
    assert f"webhook/soc: {FINDINGS} waiting, 0 refused" in err
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["data"]["tenant"] for line in lines} == {"acme"}
    assert "fjord" not in out
    code, out, _ = ran(config, "--status", "--json")
    assert code == 1
    (soc,) = [each for each in json.loads(out)["targets"] if each["target"] == "webhook/soc"]
    assert (soc["waiting"], soc["error"]) == (FINDINGS, "ConnectionError")


def test_a_mistake_in_the_file_ends_with_2_before_anything_is_opened(
    tmp_path: Path, ran: Ran
) -> None:
    """`--check` says what a good one does."""
    config = tmp_path / "alerts.yaml"
    config.write_text("targets: {slak: {}}")
    code, _, err = ran(config)
    assert code == 2
    assert "alerts.yaml:1: targets.slak" in err
    config.write_text(CONFIG.format(url="http://127.0.0.1:9"))
    code, out, _ = ran(config, "--check")
    assert (code, out.splitlines()[1]) == (0, "stdout: acme's half of findings from high up")
