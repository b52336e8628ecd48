"""The wheel installed alone in a fresh environment: what an agent developer gets."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OFFLINE = re.compile(
    r"failed to fetch|network|dns error|connection refused|timed out|offline|"
    r"error sending request|not found in the package registry",
    re.IGNORECASE,
)


def uv(*words: str) -> None:
    """Run uv; where the network or its cache cannot help, skip with the reason."""
    program = shutil.which("uv")
    if program is None:
        pytest.skip("uv is not installed: pip install uv")
    done = subprocess.run([program, *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode and OFFLINE.search(done.stderr):
        pytest.skip(f"no package index in reach: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the wheel and what it brings."""
    folder = tmp_path_factory.mktemp("bare")
    uv("build", "--wheel", "--quiet", "--out-dir", str(folder / "dist"))
    (wheel,) = (folder / "dist").glob("*.whl")
    uv("venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", str(python), str(wheel))
    return python.parent


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


def test_it_brings_opentelemetry_and_what_that_needs(bare: Path) -> None:
    """Every direct dependency is OpenTelemetry's, and nothing of the heavy extras came along."""
    code = """
import importlib.metadata, importlib.util, json
from partywall.cli import OPTIONAL
print(json.dumps({
    "direct": [r for r in importlib.metadata.requires("partywall") if "extra ==" not in r],
    "heavy": [m for m in OPTIONAL if importlib.util.find_spec(m)],
}))
"""
    found = json.loads(run(bare / "python", "-c", code).stdout)
    assert found["direct"]
    assert all(requirement.startswith("opentelemetry-") for requirement in found["direct"])
    assert {*found["heavy"]} <= {"grpc", "requests"}  # parts of OpenTelemetry's own exporters


def test_importing_it_takes_at_most_three_times_what_opentelemetry_takes(bare: Path) -> None:
    """The best of five each: a busy machine makes single runs long, not short."""

    def import_time(module: str) -> int:
        done = run(bare / "python", "-X", "importtime", "-c", f"import {module}")
        last = done.stderr.splitlines()[-1]
        found = re.fullmatch(rf"import time: +\d+ \| +(\d+) \| {re.escape(module)}", last)
        assert found, done.stderr
        return int(found[1])

    import_time("partywall")  # writes the bytecode
    ours, theirs = (
        min(import_time(module) for _ in range(5))
        for module in ("partywall", "opentelemetry.sdk.trace")
    )
    assert ours < 3 * theirs


def test_it_exports_without_anything_else(bare: Path) -> None:
    """Both exporters can be made."""
    code = """
import partywall
partywall.instrument(endpoint="http://127.0.0.1:9")
partywall.instrument(endpoint="http://127.0.0.1:9", protocol="grpc")
"""
    done = run(bare / "python", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_its_help_lists_every_command(bare: Path) -> None:
    done = run(bare / "partywall", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^  collect +\S", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "extra"),
    [("collect", "collector"), ("analyze", "analyzer"), ("dashboard", "dashboard")],
)
def test_a_command_that_needs_more_says_what_to_install(
    bare: Path, command: str, extra: str
) -> None:
    done = run(bare / "partywall", command)
    assert done.returncode == 2
    assert re.fullmatch(
        rf"partywall {command} needs \w+, which is not installed: "
        rf"pip install 'partywall\[{extra}\]'\n",
        done.stderr,
    ), done.stderr
