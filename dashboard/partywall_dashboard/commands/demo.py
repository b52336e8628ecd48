"""`partywall demo`: agents of three customers, and one chain of calls that goes through a wall."""

import argparse
import importlib.util
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from partywall_analyzer.model import Finding
from partywall_analyzer.picture import print_finding
from partywall_collector.signals import until_signal
from partywall_collector.store import StoreError
from partywall_dashboard.demo.run import DemoFailed, Outcome, played
from partywall_dashboard.demo.workers import AgentsFailed
from partywall_dashboard.process import DashboardProcess, free_port

FRAMEWORK = "pydantic_ai"

EXAMPLE = """\
examples:
  partywall demo                         in the terminal, then in the browser until Ctrl-C
  partywall demo --no-dashboard --json   one JSON object, and done
  partywall demo --keep ./demo           keep the store: partywall dashboard --store chdb://./demo
"""


def arguments() -> argparse.ArgumentParser:
    """What the command understands."""
    parser = argparse.ArgumentParser(
        "partywall demo",
        description=(
            "Runs agents of three customers of one provider, offline, and records them over the\n"
            "wire. One reads a planted note and carries another customer's data out."
        ),
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-dashboard", action="store_true", help="end after the terminal part")
    parser.add_argument("--json", action="store_true", help="print one JSON object and end")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="keep the store in this new folder; without it, it is deleted at the end",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Play the demo."""
    options = arguments().parse_args(argv)
    if importlib.util.find_spec(FRAMEWORK) is None:  # only the agents' own processes import it
        raise ModuleNotFoundError(f"No module named {FRAMEWORK!r}", name=FRAMEWORK)
    logging.basicConfig(level=logging.WARNING)
    console = Console(stderr=options.json, highlight=False)
    try:
        with (
            until_signal() as stopped,
            folder(options.keep) as home,
            played(home, teller(console, stopped)) as outcome,
        ):
            if options.json:
                print(json.dumps(outcome.to_dict()))
                return 0
            show(console, outcome)
            if not options.no_dashboard:
                serve_pages(console, outcome, stopped)
            if options.keep:
                console.print(
                    f"The store is kept: partywall dashboard --store chdb://{options.keep}"
                )
    except (AgentsFailed, DemoFailed, StoreError) as error:
        print(f"partywall demo: {error}", file=sys.stderr)
        return 2
    return 0


@contextmanager
def folder(keep: Path | None) -> Generator[Path]:
    """Where the store is: a new folder that stays, or one that goes."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="partywall-demo-") as made:
            yield Path(made)
        return
    if keep.exists() and any(keep.iterdir()):
        raise DemoFailed(f"--keep {keep}: there is something in this folder; name a new one")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def teller(console: Console, stopped: Event) -> Callable[[str], None]:
    """Prints each step that is done, with the seconds since the start; Ctrl-C counts after it.

    An interrupt anywhere else would reach a pool of processes or a server in the midst of closing.
    """
    began = time.monotonic()

    def tell(step: str) -> None:
        console.print(
            Text.assemble(
                ("  ✓ ", "green"), step, (f"  {time.monotonic() - began:.1f} s", "bright_black")
            ),
            soft_wrap=True,
        )
        if stopped.is_set():
            raise KeyboardInterrupt

    console.print(Text("Partywall demo: three customers of one provider, their agents, one wall."))
    return tell


def show(console: Console, outcome: Outcome) -> None:
    """The planted crossing in full, the others in a line each."""
    planted = outcome.planted
    if planted is None:
        raise DemoFailed("the planted crossing was not found; this should not happen")
    console.print()
    print_finding(planted, console)
    others = [finding for finding in outcome.findings if finding.id != planted.id]
    if others:
        console.print(Text("\nAlso on record:"))
        for finding in others:
            console.print(also(finding), soft_wrap=True)
    console.print()


def also(finding: Finding) -> Text:
    """One finding in a line."""
    return Text.assemble(
        "  ", (f"{finding.verdict.value:<14}", "bold"), finding.title,
        (f"  {finding.id}", "bright_black"),
    )  # fmt: skip


def serve_pages(console: Console, outcome: Outcome, stopped: Event) -> None:
    """Show the same in the browser until Ctrl-C."""
    with DashboardProcess(outcome.store, free_port()) as dashboard:
        if not dashboard.wait_ready() and not stopped.is_set():
            raise DemoFailed("the dashboard did not start; its complaint stands above")
        planted = outcome.planted
        chain = f"{dashboard.url}/chain?finding={planted.id}" if planted else dashboard.url
        words = Text.assemble(
            "The finding in the browser  ", (chain, "bold"),
            "\nEverything                  ", (dashboard.url, "bold"),
            "\nCtrl-C ends the demo.",
        )  # fmt: skip
        console.print(Panel(words, expand=False, border_style="bright_black"))
        while not stopped.wait(0.5):
            if dashboard.ended is not None:
                raise DemoFailed("the dashboard ended by itself; its complaint stands above")
    console.print("Demo ended.")
