"""`partywall registry identifiers` checks, declares and shows kinds of identifiers."""

import json
from pathlib import Path

import pytest

from partywall_collector.commands.registry import main as registry
from partywall_collector.store import open_store

DECLARED = '{"name": "employee", "pattern": "EMP-([0-9]{6})"}\n'


def test_the_command_checks_declares_and_shows(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of a file or nothing; a store that is in use is left alone; an empty file takes back."""
    url = f"chdb://{home}"
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(DECLARED)
    bad.write_text(DECLARED + '{"name": "x", "pattern": "(.+)"}')

    def run(*words: str, code: int = 0) -> str:
        assert registry(["identifiers", *words, "--store", url]) == code
        out, err = capsys.readouterr()
        return out + err

    def patterns() -> dict[str, str | None]:
        kinds = json.loads(run("--json"))["kinds"]
        return {kind["name"]: kind["pattern"] for kind in kinds if kind["pattern"]}

    assert "nothing was written" in run(str(good), "--check")
    assert patterns() == {}
    assert f"{bad}:2: pattern: has a .:" in run(str(bad), code=2)
    assert "No such file" in run(str(tmp_path / "none"), code=2)
    assert "--check looks at a file" in run("--check", code=2)
    run(str(good))
    assert patterns() == {"employee": "EMP-([0-9]{6})"}
    with open_store(url, role="owner") as store:
        (row,) = store.rows("SELECT partywall_identifiers('EMP-123456')[1].1 AS kind")
        assert row["kind"] == "employee"
        assert "in use" in run(str(good), code=2)
    bad.write_text("")
    run(str(bad))
    assert patterns() == {}
