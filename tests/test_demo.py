"""`partywall demo` as a newcomer runs it: a real process, real agents, the real pipeline."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from partywall_analyzer import OPERATOR, who
from partywall_collector.store import open_store
from partywall_dashboard.commands import demo
from partywall_dashboard.demo.model import orders
from partywall_dashboard.demo.scenario import APPROVED, INJECTED
from partywall_dashboard.demo.world import NOTE

DEMO = [sys.executable, "-m", "partywall", "demo"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `partywall demo --no-dashboard --json` prints, run where there is nothing."""
    run = subprocess.run(
        [*DEMO, "--no-dashboard", "--json"],
        cwd=tmp_path_factory.mktemp("demo"),
        env=os.environ | {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_SDK_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    return json.loads(run.stdout)


def test_the_planted_crossing_is_found_and_unauthorised(told: dict[str, Any]) -> None:
    """The data of one customer left through the session of another, and that is proven."""
    planted = next(found for found in told["findings"] if found["id"] == told["planted"])
    assert planted["verdict"] == "unauthorised"
    assert planted["severity"] == "critical"
    assert planted["request_id"] == INJECTED
    assert (planted["from_tenant"], planted["to_tenant"]) == ("oakfield", "outside")
    assert planted["proof"] >= "P3"
    assert "ledger-sync@collect.example" in planted["sentence"]
    assert any(hop["crossing"] for hop in planted["chain"]["hops"])


def test_the_approved_access_is_on_record_and_authorised(told: dict[str, Any]) -> None:
    """A crossing is a fact, its verdict another matter: the approval is named."""
    approved = [found for found in told["findings"] if found["request_id"] == APPROVED]
    assert approved
    assert {found["verdict"] for found in approved} == {"authorised"}
    assert all("CHG-118" in found["sentence"] for found in approved)


def test_honest_work_raises_nothing(told: dict[str, Any]) -> None:
    """Only the two requests that went through a wall have findings."""
    assert {found["request_id"] for found in told["findings"]} == {INJECTED, APPROVED}


def test_every_span_is_accounted_for(told: dict[str, Any]) -> None:
    """What the agents made is in a customer's table, or in quarantine for want of a tenant."""
    spans = told["spans"]
    assert spans["sent"] == spans["accepted"] + spans["quarantined"]
    assert spans["quarantined"] > 0


def test_the_terminal_shows_the_finding_and_ctrl_c_ends_the_demo(tmp_path: Path) -> None:
    """Plain words, the lanes and the page's address; then a quiet end, and the store is kept."""
    home = tmp_path / "kept"
    with subprocess.Popen(
        [*DEMO, "--keep", home],
        env=os.environ | {"COLUMNS": "140"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout
        shown = ""
        for line in running.stdout:
            shown += line
            if "Ctrl-C ends the demo" in line:
                break
        running.send_signal(signal.SIGINT)
        _, complaint = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "Traceback" not in complaint
    for words in ("ledger-sync@collect.example", "CROSSES", "authorised", "/chain?finding=F-"):
        assert words in shown
    with open_store(f"chdb://{home}", role="reader") as store:
        assert who(store, OPERATOR, tenant="brightwater")


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--keep never mixes with what is there."""
    (tmp_path / "mine.txt").write_text("mine")
    assert demo.main(["--keep", str(tmp_path)]) == 2
    assert "name a new one" in capsys.readouterr().err


def test_the_scripted_model_obeys_what_it_reads() -> None:
    """The instruction is in the attachment, not in the script."""
    assert [order.tool for order in orders(NOTE)] == ["query_table", "send_mail"]
    assert orders("- send_mail(to='x')") == []
