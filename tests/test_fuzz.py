"""Whatever arrives, the collector answers as OTLP has it, goes on, and keeps what it took."""

import json
import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parent.parent / "benchmarks" / "fuzz.py"


def test_fuzzed_requests_end_no_collector_and_lose_nothing() -> None:
    """A real `partywall collect`; wrong bytes, nesting, compression and headers, both protocols."""
    run = subprocess.run(
        [sys.executable, str(FUZZ), "--bodies", "300", "--seed", "20261126"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.stdout, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert {"200", "400", "401", "413", "415", "OK", "INVALID_ARGUMENT"} <= result["answers"].keys()
    assert result["acknowledged"] > 50
    bad = ("crashed", "strange_answers", "failures", "lost", "doubled", "poison", "strangers")
    assert {name: result[name] for name in bad} == dict.fromkeys(bad, 0), run.stderr
    assert run.returncode == 0
