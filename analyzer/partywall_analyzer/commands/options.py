"""What the analyzer's commands share: their parser, and how errors are told."""

import argparse
import os
import sys
from collections.abc import Callable

from partywall_analyzer.limits import BadLimit
from partywall_analyzer.names import clean
from partywall_collector.commands.options import common
from partywall_collector.store import StoreError


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser with the options that every command of the analyzer has."""
    return argparse.ArgumentParser(
        prog=f"partywall {name}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
    )


def guarded(name: str, run: Callable[[], int]) -> int:
    """Run a command; a store that cannot be used ends it with 2 and a line on stderr."""
    try:
        return run()
    except (StoreError, BadLimit) as error:
        print(f"partywall {name}: {clean(str(error), 2_000)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone; point stdout elsewhere so that the exit is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
