"""`partywall registry fingerprint-key` shows, rotates and forgets the keys of fingerprints."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from partywall.fingerprint_keys import line, parse
from partywall_collector.commands.registry import main as registry


def test_the_command_rotates_shows_and_forgets(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The keys themselves are never printed; one rotation ends before the next."""
    url = f"chdb://{home}"
    file = home / "fingerprint.key"

    def run(*words: str) -> list[str]:
        assert registry(["fingerprint-key", *words, "--json", "--store", url]) == 0
        shown = capsys.readouterr().out
        assert not any(key.secret.hex() in shown for key in parse(file.read_text()))
        return [key["used_for"] for key in json.loads(shown)["keys"]]

    assert run() == ["arguments, results"]
    time.sleep(1.1)  # a key begins with a full second
    assert run("rotate", "--overlap", "2h") == ["arguments, results", "arguments"]
    assert file.stat().st_mode & 0o077 == 0
    assert registry(["fingerprint-key", "rotate", "--store", url]) == 2
    assert "a third can follow only then" in capsys.readouterr().err
    assert registry(["fingerprint-key", "rotate", "--overlap", "soon", "--store", url]) == 2
    assert "write days, hours or minutes" in capsys.readouterr().err
    old, new = parse(file.read_text())
    past = f"{line(replace(old, ends=new.begins + 1))}\n{line(new)}"
    time.sleep(1.1)
    file.write_text(past)
    assert run() == ["ended", "arguments, results"]
    assert run("forget") == ["arguments, results"]
    assert old.secret.hex() not in file.read_text()
