"""What the analyzer's commands share: the store, points in time, and how errors are told."""

import argparse
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from partywall_collector.store import StoreError

DEFAULT_STORE: Final = "chdb://.partywall"

_AGO: Final = re.compile(r"(\d{1,9})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser with the options that every command of the analyzer has."""
    made = argparse.ArgumentParser(
        prog=f"partywall {name}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get("PARTYWALL_STORE") or DEFAULT_STORE,
        help="chdb:///path or clickhouse://... (default: $PARTYWALL_STORE, else %(default)s)",
    )
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def since(text: str) -> datetime:
    """A point in time: so long ago (90s, 30m, 24h, 7d, 2w), or a date or time in ISO 8601."""
    if ago := _AGO.fullmatch(text.strip().lower()):
        try:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError as error:
            raise argparse.ArgumentTypeError(f"'{text}' is too long ago") from error
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no time; write 24h, 7d or 2026-03-01T09:00Z"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def guarded(name: str, run: Callable[[], int]) -> int:
    """Run a command; a store that cannot be used ends it with 2 and a line on stderr."""
    try:
        return run()
    except StoreError as error:
        print(f"partywall {name}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone; point stdout elsewhere so that the exit is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
