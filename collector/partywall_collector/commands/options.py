"""What the commands share: the store, the form of the answer, and points in time."""

import argparse
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Final

STORE: Final = "PARTYWALL_STORE"
"""The environment variable that names the store."""

DEFAULT_STORE: Final = "chdb://.partywall"

_AGO: Final = re.compile(r"(\d{1,9})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def store_url() -> str:
    """The store that a command uses unless it is told another one."""
    return os.environ.get(STORE) or DEFAULT_STORE


def common() -> argparse.ArgumentParser:
    """The options that every command on a store has, as a parent of its parsers."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--store",
        metavar="URL",
        default=store_url(),
        help="chdb:///path or clickhouse://... (default: $PARTYWALL_STORE, else %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def moment(text: str) -> datetime:
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
