"""`partywall NAME`: the front door, as a process of its own.

Commands of a made-up package stand in for what a third party may add: a folder with an entry point.
"""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from partywall import cli

ROOT = Path(__file__).parent.parent

COMMANDS = {
    "greet": "print('hello', *argv)\n    return 3",
    "nothing": "return None",
    "wait": "print('waiting', flush=True)\n    import time\n    time.sleep(60)",
    "chatter": "for n in range(100000): print(n)",
    "lacking": "raise ModuleNotFoundError('no', name='networkx.algorithms')",
    "faulty": "import no_such_module_anywhere",
    "buggy": "return 1 // 0",
}


@pytest.fixture(scope="module")
def extra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to put on the path: the package `greeter`, as if it was installed."""
    folder = tmp_path_factory.mktemp("extra")
    package = folder / "greeter"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported by --help')\n")
    lines = ["[partywall.commands]"]
    for name, body in COMMANDS.items():
        module = folder / f"greeter_{name}.py"
        module.write_text(f'"""Does {name}."""\n\n\ndef main(argv):\n    {body}\n')
        lines.append(f"{name} = greeter_{name}:main")
    lines.append("missing = networkx_is_not_here.commands:main")
    metadata = folder / "greeter-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def environment(extra: Path | None) -> dict[str, str]:
    return os.environ | ({"PYTHONPATH": str(extra)} if extra else {})


def partywall(*words: str, extra: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "partywall", *words],
        env=environment(extra),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_lists_every_command_and_imports_none(extra: Path) -> None:
    """So that the base install, which cannot run most of them, can say what there is."""
    done = partywall("--help", extra=extra)
    assert (done.returncode, done.stderr) == (0, "")
    listed = re.findall(r"^  ([a-z]+)", done.stdout, re.MULTILINE)
    ours = {entry.name for entry in entry_points(group=cli.GROUP)}
    assert set(listed) == ours | COMMANDS.keys() | {"missing"}
    assert listed == sorted(listed)
    assert re.search(r"^  greet +Does greet$", done.stdout, re.MULTILINE)


def test_every_command_of_ours_has_its_line_of_help() -> None:
    done = partywall("--help")
    for entry in entry_points(group=cli.GROUP):
        assert re.search(rf"^  {entry.name}  +\S.+\S$", done.stdout, re.MULTILINE), entry.name


def test_version_is_the_distributions() -> None:
    assert partywall("--version").stdout == f"partywall {version('partywall')}\n"


def test_no_command_at_all_shows_the_help_and_fails() -> None:
    done = partywall()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: partywall")


def test_arguments_and_exit_code_pass_through(extra: Path) -> None:
    done = partywall("greet", "--loud", "world", extra=extra)
    assert (done.returncode, done.stdout) == (3, "hello --loud world\n")
    assert partywall("nothing", extra=extra).returncode == 0


def test_an_unknown_command_suggests_the_near_one() -> None:
    done = partywall("analyse")
    assert done.returncode == 2
    assert done.stderr == ("partywall: there is no command 'analyse'; did you mean 'analyze'?\n")
    assert "see partywall --help" in partywall("xyzzy").stderr


def test_a_missing_extra_is_named_with_its_command(extra: Path) -> None:
    done = partywall("lacking", extra=extra)
    assert done.returncode == 2
    assert done.stderr == (
        "partywall lacking needs networkx, which is not installed: pip install 'partywall[all]'\n"
    )


@pytest.mark.parametrize(
    ("command", "module", "extra_name"),
    [
        ("collect", "clickhouse_connect", "collector"),
        ("analyze", "networkx", "analyzer"),
        ("dashboard", "streamlit", "dashboard"),
        ("analyze", "chdb", "embedded"),
        ("demo", "pydantic_ai", "demo"),
    ],
)
def test_each_of_our_commands_asks_for_its_own_extra(
    command: str,
    module: str,
    extra_name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The extra follows the command's package, but for what only one extra brings."""
    (entry,) = entry_points(group=cli.GROUP, name=command)

    def load(_entry: object) -> object:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(type(entry), "load", load)
    assert cli.main([command]) == 2
    assert capsys.readouterr().err == (
        f"partywall {command} needs {module}, which is not installed: "
        f"pip install 'partywall[{extra_name}]'\n"
    )


def test_every_optional_dependency_is_known_by_its_module() -> None:
    """A new extra that the front door does not know would end in a traceback."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    called = {
        "pyyaml": "yaml",
        "pydantic-ai-slim": "pydantic_ai",
        "grpcio": "grpc",
        "grpcio-health-checking": "grpc_health",
        "backports.zstd": "backports",
        "backports-zstd": "backports",
        "pyjwt": "jwt",
    }
    needed = {
        re.split(r"[<>=\[~! ]", requirement, maxsplit=1)[0]
        for extra in project["optional-dependencies"].values()
        for requirement in extra
    } - {"partywall"}
    modules = {called.get(name, name.replace("-", "_")) for name in needed}
    modules.add("cryptography")  # it comes with pyjwt[crypto]
    assert modules == cli.OPTIONAL.keys()


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("buggy", "ZeroDivisionError"),
        ("faulty", "No module named 'no_such_module_anywhere'"),
        ("missing", "No module named 'networkx_is_not_here'"),
    ],
)
def test_a_bug_keeps_its_traceback(extra: Path, command: str, error: str) -> None:
    done = partywall(command, extra=extra)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert error in done.stderr


def test_ctrl_c_is_quiet(extra: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "partywall", "wait"],
        env=environment(extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "")


def test_a_reader_that_leaves_is_no_error(extra: Path) -> None:
    """`partywall ... | head -1`"""
    with subprocess.Popen(
        [sys.executable, "-m", "partywall", "chatter"],
        env=environment(extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        stderr = process.stderr.read()
    assert (process.returncode, stderr) == (141, "")
