"""`partywall NAME ...`: runs the command of that name, from whichever package brings it.

Commands are entry points of the group `partywall.commands`; each is a `main(argv) -> int`. A third
party may add one the same way. Nothing is imported before a command is chosen, so the base install
can list commands whose packages need more than it brings.
"""

import ast
import difflib
import importlib.util
import os
import select
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Final, cast

Command = Callable[[Sequence[str]], int | None]

GROUP: Final = "partywall.commands"

EXTRAS: Final = {
    "partywall_collector": "collector",
    "partywall_analyzer": "analyzer",
    "partywall_dashboard": "dashboard",
}
"""The extra that a command's package needs."""

OPTIONAL: Final = {
    "clickhouse_connect": "",
    "yaml": "",
    "rich": "",
    "grpc": "",
    "grpc_health": "",
    "isal": "",
    "backports": "",
    "prometheus_client": "",
    "psutil": "",
    "requests": "",
    "starlette": "",
    "uvicorn": "",
    "jwt": "",
    "cryptography": "",
    "networkx": "",
    "streamlit": "",
    "chdb": "embedded",
    "pydantic_ai": "demo",
    "cedarpy": "policy",
    "python_multipart": "",
}
"""Modules that an extra brings, with the extra where the command's package does not decide it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `partywall` with these arguments (default: the process's own); returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments.pop(0) if arguments else ""
    try:
        code = _run(name, arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        if not _stdout_is_gone():
            raise
        return 141
    return code


def _run(name: str, arguments: Sequence[str]) -> int:
    commands = _commands()
    if name in ("--help", "-h", "help"):
        print(_help(commands))
        return 0
    if name == "--version":
        print(f"partywall {version('partywall')}")
        return 0
    if not name:
        print(_help(commands), file=sys.stderr)
        return 2
    entry = commands.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, commands, n=1)
        way_out = f"did you mean {near[0]!r}?" if near else "see partywall --help"
        print(f"partywall: there is no command {name!r}; {way_out}", file=sys.stderr)
        return 2
    try:
        command = cast(Command, entry.load())
        return command(arguments) or 0
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in OPTIONAL:
            raise
        extra = OPTIONAL[missing] or EXTRAS.get(entry.module.partition(".")[0], "all")
        print(
            f"partywall {name} needs {missing}, which is not installed: "
            f"pip install 'partywall[{extra}]'",
            file=sys.stderr,
        )
        return 2


def _commands() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP))}


def _help(commands: dict[str, EntryPoint]) -> str:
    width = max(map(len, commands), default=0)
    lines = [f"  {name:<{width}}  {_summary(entry)}".rstrip() for name, entry in commands.items()]
    return "\n".join(
        (
            "usage: partywall COMMAND [ARGUMENT ...]",
            "",
            "Finds where an agent's tool calls went through the wall between two tenants.",
            "",
            "commands:",
            *lines,
            "",
            "partywall COMMAND --help says more; partywall --version prints the version.",
        )
    )


def _summary(entry: EntryPoint) -> str:
    """The first docstring line of the command's module, read without importing it."""
    package, *rest = entry.module.split(".")
    try:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return ""
        source = Path(spec.origin)
        if rest:
            source = source.parent.joinpath(*rest).with_suffix(".py")
        text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
        line = text.partition("\n")[0].rstrip(".")
        # Many modules open with the command's own name: "`partywall x`: what it does".
        line = line.removeprefix(f"`partywall {entry.name}`: ")
        return line[:1].upper() + line[1:]
    except (ImportError, OSError, SyntaxError, ValueError):
        pass  # a command whose source cannot be read is listed by its name alone
    return ""


def _stdout_is_gone() -> bool:
    """Whether the reader of stdout left (`| head`), as against a socket that broke."""
    stdout = sys.stdout.fileno()
    if sys.platform != "win32":  # it has no poll, and no such error on its pipes either
        poll = select.poll()
        poll.register(stdout, 0)
        if not any(state & select.POLLERR for _, state in poll.poll(0)):
            return False
    # The interpreter flushes once more at exit; give it somewhere to write.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)
    return True
