"""Names that anybody may have written reach no terminal, log or alert with what moves a cursor."""

import shutil
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from partywall_analyzer import analyze as run_analysis
from partywall_analyzer.commands import analyze, chain, respond, watch, who
from partywall_analyzer.testing import Log
from partywall_collector.registry import DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import open_store
from partywall_collector.store.facade import serve

NASTY = "\x1b[2J\x1b]8;;https://evil.example\x07\x9b31m\r\n\u202e\u2066\x00\x7f\u200b\ufeffx"
EVERYWHERE: dict[str, Any] = {"session": NASTY, "request": NASTY, "agent": NASTY, "identity": NASTY}


@pytest.fixture(scope="module")
def hostile(
    empty_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """A served store in which every name of a crossing is hostile, and the finding's id."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("hostile") / "home", symlinks=True)
    url = f"chdb://{home}"
    with open_store(url, role="owner") as store, serve(store):
        write([Tenant(id="acme", name=f"Acme{NASTY}"), Tenant(id="fjord")], store)
        write([DatasetOwner(pattern="crm/*", owner="fjord")], store)
        log = Log(store)
        log.call(
            "acme",
            parent=log.agent("acme", **EVERYWHERE),
            tool=NASTY,
            writes=[f"crm/{NASTY}"],
            sends=[("mailbox", NASTY)],
            credential=NASTY,
            approval=NASTY,
            policy=NASTY,
            **EVERYWHERE,
        )
        log.write()
        findings = run_analysis(store).findings
        yield url, next(f.id for f in findings if f.rule == "foreign-dataset")


@pytest.mark.parametrize("form", ["--json", ""])
@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (analyze.main, ["--fail-on", "never"]),
        (analyze.main, ["--format", "ocsf"]),
        (chain.main, ["{finding}"]),
        (chain.main, [NASTY]),
        (who.main, ["--tenant", "acme"]),
        (who.main, ["--identity", "nobody" + NASTY]),
        (respond.main, ["{finding}", "notify", "--by", NASTY, "--note", NASTY]),
        (respond.main, [NASTY, "ack"]),
        (watch.main, ["{config}", "--dry-run"]),
        (watch.main, ["{config}" + "\x1b[2J"]),
    ],
)
def test_nothing_that_a_command_prints_moves_the_cursor(
    hostile: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    main: Callable[[Sequence[str]], int],
    arguments: list[str],
    form: str,
) -> None:
    """On stdout and stderr, for people and as JSON: only printable signs and ends of lines."""
    url, finding = hostile
    config = tmp_path / "alerts.yaml"
    config.write_text(
        "{targets: {stdout: {}}, routes: [{target: stdout, tenant: acme, severity: low}]}"
    )
    filled = [
        each.replace("{finding}", finding).replace("{config}", str(config)) for each in arguments
    ]
    main([*filled, "--store", url, *([form] if form else [])])
    said = capsys.readouterr()
    assert said.out + said.err
    for text in (said.out, said.err):
        unsafe = {s for s in text if unicodedata.category(s).startswith("C") and s != "\n"}
        assert not unsafe, text
