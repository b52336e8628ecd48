"""benchmarks/overhead.py runs and says what it promises; the figures are for a quiet machine."""

import json

import overhead
import pytest


def test_the_last_line_holds_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """A short run: every figure is there, and binding costs less than the peer does."""
    assert overhead.main(["--spans", "100", "--rounds", "5"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(figures) == {
        *("added_us", "export_us", "total_us", "bare_us", "peer_us"),
        *("facts_us", "records_us", "again_us", "huge_us", "fingerprint_us"),
    }
    assert figures["added_us"] < figures["peer_us"]


def test_the_record_has_twenty_fields() -> None:
    """As the budget says; `email`, `cc` and the others are identifiers."""
    assert len(overhead.RECORD) == 20
