"""benchmarks/ingest.py runs and says what it promises; the figures are for a quiet machine."""

import json

import ingest
import pytest


def test_the_last_line_holds_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """A short run on two tenants: every span is stored by either way, and every figure is there."""
    assert ingest.main(["--spans", "1000", "--tenants", "2", "--kinds", "taken"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["spans"] == 1024
    wanted = {"spans_per_cpu_s", "vs_hand", "vs_native", "bytes_per_span", "peak_mb", "parts"}
    assert all(figures[name] > 0 for name in wanted)


def test_under_overload_nothing_acknowledged_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Each acknowledged request is in the tables, whole and once."""
    arguments = ["--overload", "--spans", "1000", "--tenants", "2", "--seconds", "1"]
    assert ingest.main(arguments) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["acknowledged"] > 0
    assert (figures["lost"], figures["doubled"]) == (0, 0)
