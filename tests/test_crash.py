"""kill -9 at any moment loses nothing that was acknowledged, and doubles nothing."""

import json
import subprocess
import sys
from pathlib import Path

CRASH = Path(__file__).parent.parent / "benchmarks" / "crash.py"


def test_ten_kills_under_load_lose_and_double_nothing() -> None:
    """Clients that repeat what fails, a real `partywall collect`, each span compared."""
    run = subprocess.run(
        [sys.executable, str(CRASH), "--kills", "10"], capture_output=True, text=True, timeout=240
    )
    assert run.stdout, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["acknowledged"] > 0
    bad = {key: result[key] for key in ("lost", "doubled", "strange", "torn")}
    assert bad == {"lost": 0, "doubled": 0, "strange": 0, "torn": 0}, run.stderr
    assert run.returncode == 0
