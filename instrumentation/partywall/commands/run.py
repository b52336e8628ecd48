"""`partywall run`: runs a program with every span of it bound to a tenant, without changing it."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from partywall import grants, settings
from partywall.errors import GrantError
from partywall.settings import Setting

SITE: Final = Path(__file__).resolve().parent.parent / "site"

EXAMPLE: Final = """\
examples:
  partywall run --tenant acme --request REQ-7 -- python agent.py
  partywall run --endpoint http://localhost:4318 --grant "$GRANT" -- python -m agent

Each option is also an environment variable (PARTYWALL_TENANT, ...). A token or a grant on the
command line can be seen in the list of processes; in the environment it cannot.
"""

OPTIONS: Final[Mapping[str, tuple[Setting, str]]] = {
    "--tenant": (settings.TENANT, "ID"),
    "--request": (settings.REQUEST, "ID"),
    "--identity": (settings.IDENTITY, "ID"),
    "--endpoint": (settings.ENDPOINT, "URL"),
    "--token": (settings.TOKEN, "TOKEN"),
    "--grant": (settings.GRANT, "JWT"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Become the program; returns (2) only if it could not be started."""
    parser = _parser()
    options = vars(parser.parse_args(argv))
    command: list[str] = options["command"]
    if command[:1] == ["--"]:
        del command[0]
    if not command:
        return _refused("what shall run? partywall run --tenant acme -- python agent.py")
    said = {
        setting.name: options[option[2:]]
        for option, (setting, _) in OPTIONS.items()
        if options[option[2:]] is not None
    }
    environment = os.environ | said
    if wrong := _wrong(said, environment):
        return _refused(wrong)
    path = environment.get("PYTHONPATH", "")
    kept = [part for part in path.split(os.pathsep) if part and part != str(SITE)]
    environment["PYTHONPATH"] = os.pathsep.join([str(SITE), *kept])
    program = shutil.which(command[0])
    if program is None:
        return _refused(f"there is no program {command[0]!r}; is it installed, and on PATH?")
    sys.stdout.flush()
    try:
        if sys.platform == "win32":  # its exec would return to the shell at once
            return subprocess.call([program, *command[1:]], env=environment)
        os.execve(program, command, environment)
    except OSError as error:
        return _refused(f"{command[0]!r} cannot be started: {error.strerror}")


def _wrong(said: Mapping[str, str], environment: dict[str, str]) -> str:
    """What is wrong with the settings; fills in what a grant says."""
    for option, (setting, _) in OPTIONS.items():
        if setting.name in said and not said[setting.name].strip():
            return f"{option} is empty; there is no default, leave it out or give it a value"
    endpoint = environment.get(settings.ENDPOINT.name, "")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        return f"the endpoint {endpoint!r} has no scheme; write http://{endpoint}"
    if any(sign.isspace() for sign in environment.get(settings.TOKEN.name, "")):
        return "the token holds white space: it was not copied as it was issued"
    if token := environment.get(settings.GRANT.name, "").strip():
        try:
            granted = grants.environment(token)
        except GrantError as error:
            return f"the grant cannot be used: {error}"
        for name, value in granted.items():
            if environment.setdefault(name, value) != value:
                return (
                    f"the grant is for {name}={value}, not {environment[name]}; "
                    "a collector refuses such spans: leave that out, or take another grant"
                )
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partywall run",
        description="Run a program with every span of it bound to a tenant, without changing it.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="partywall run [OPTION ...] -- PROGRAM [ARGUMENT ...]",
        allow_abbrev=False,
    )
    for option, (setting, value) in OPTIONS.items():
        parser.add_argument(option, metavar=value, help=f"{setting.meaning} (${setting.name})")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="PROGRAM")
    return parser


def _refused(text: str) -> int:
    print(f"partywall run: {text}", file=sys.stderr)
    return 2
