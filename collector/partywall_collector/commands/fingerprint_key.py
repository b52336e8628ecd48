"""`partywall registry fingerprint-key`: show the keys of fingerprints, rotate and forget them."""

import argparse
import re
import secrets
import sys
import time
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, Final, Literal

from partywall import attributes
from partywall.fingerprint_keys import Key, Keys, epoch, shown
from partywall_collector.commands.senders import CannotRun, print_json
from partywall_collector.commands.tables import print_table
from partywall_collector.commands.terminal import short
from partywall_collector.registry.load import current
from partywall_collector.registry.model import Canary
from partywall_collector.store import Store, open_store, statement
from partywall_collector.store.home import Home

EPOCHS: Final = statement("partywall_collector.commands.sql", "epochs")

UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60}
LONGEST: Final = 366 * 86_400
"""Seconds of an overlap."""

Use = Literal["arguments, results", "arguments", "not yet", "ended", "not in the file"]

DESCRIPTION = """\
The keys of the store's fingerprints stand in the file fingerprint.key of its home folder. Without
an action they are shown, by the names of their epochs, with the calls of the last seven days that
came with fingerprints under each. `rotate` makes a new key; the old one stays in force beside it
over the overlap, and chains whose calls lie less than half the overlap apart are found across it.
`forget` deletes the keys that have ended.
"""


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "fingerprint-key",
        parents=[common],
        help="show, rotate or forget the keys of fingerprints",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", choices=("show", "rotate", "forget"), default="show")
    parser.add_argument(
        "--overlap",
        metavar="TIME",
        help="how long `rotate` leaves the old key in force: 14d, 36h, 90m, 0m (default: 14d)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the action that was asked for."""
    if options.overlap is not None and options.action != "rotate":
        raise CannotRun("--overlap belongs to `rotate`")
    with open_store(options.store, role="writer") as store:
        home = Home(store.home)
        if options.action == "rotate":
            _rotate(home, home.fingerprint_keys(), seconds(options.overlap or "14d"))
            _tell_of_canaries(store)
        elif options.action == "forget":
            _forget(home, home.fingerprint_keys())
        store.put_keys()
        keys = home.fingerprint_keys()
        seen = calls_by_epoch(store)
    show(keys, seen, home.fingerprint_file, as_json=options.json)
    return 0


def seconds(text: str) -> int:
    """The seconds of a span of time such as `14d`; raises CannotRun."""
    found = re.fullmatch(r"([0-9]{1,6})([dhm])", text.strip())
    length = int(found[1]) * UNITS[found[2]] if found else -1
    if not 0 <= length <= LONGEST:
        raise CannotRun(f"--overlap {text[:40]!r}: write days, hours or minutes up to a year: 14d")
    return length


def _rotate(home: Home, keys: Keys, overlap: int) -> None:
    now = int(time.time())
    *_, newest = keys
    if newest.begins > now or any(now < key.ends < inf for key in keys):
        ends = max(key.ends for key in keys if key.ends < inf)
        raise CannotRun(
            f"two keys are in force until {shown(ends)}, and a third can follow only then; to end "
            f"the overlap before, change its times in {home.fingerprint_file}"
        )
    old = replace(newest, ends=float(now + overlap))
    secret = secrets.token_bytes(32)
    new = Key(secret, epoch(secret), begins=float(now))
    if old.begins >= now:
        raise CannotRun("the key has only just begun; wait a second")
    home.write_fingerprint_keys([*(k for k in keys if k is not newest), old, new])


def _tell_of_canaries(store: Store) -> None:
    """Only who has the planted value can make its fingerprint under a new key."""
    planted = current(store, Canary)
    if planted:
        names = ", ".join(sorted({short(canary.id) for canary in planted})[:8])
        print(
            f"Canaries are not seen under the new key until their values are loaded again: {names}",
            file=sys.stderr,
        )


def _forget(home: Home, keys: Keys) -> None:
    now = time.time()
    left = [key for key in keys if key.ends > now]
    for key in keys:
        if key not in left:
            print(f"forgot the key of epoch {key.epoch}", file=sys.stderr)
    if len(left) < len(keys):
        home.write_fingerprint_keys(left)
    else:
        print("no key has ended; nothing is forgotten", file=sys.stderr)


def calls_by_epoch(store: Store) -> dict[str, int]:
    """How many calls of the last week carry fingerprints of an epoch."""
    rows = store.rows(EPOCHS, {"attribute": attributes.VALUES_EPOCH})
    return {row["epoch"]: row["calls"] for row in rows}


def _use(key: Key, now: float) -> Use:
    if now < key.begins:
        return "not yet"
    if now >= key.ends:
        return "ended"
    return "arguments, results" if key.results_from <= now < key.results_until else "arguments"


def show(keys: Keys, seen: dict[str, int], file: Path, *, as_json: bool = False) -> None:
    now = time.time()
    shown_keys: list[dict[str, Any]] = [
        {
            "epoch": key.epoch,
            "used_for": _use(key, now),
            "from": _time(key.begins),
            "results_from": _time(max(key.begins, key.results_from)),
            "until": _time(key.ends),
            "calls": seen.pop(key.epoch, 0),
        }
        for key in keys
    ]
    shown_keys += [
        {"epoch": name, "used_for": "not in the file", "calls": n} for name, n in seen.items()
    ]
    if as_json:
        print_json({"file": str(file), "keys": shown_keys})
        return
    head = ["epoch", "used_for", "from", "results from", "until", "calls in 7 days"]
    names = ["epoch", "used_for", "from", "results_from", "until", "calls"]
    print_table(head, [[str(key.get(name) or "") for name in names] for key in shown_keys])
    print(f"\nThe keys stand in {file}")
    turn = next((key.results_from for key in keys if now < key.results_from < inf), None)
    if turn is not None:
        print(
            f"Give it to every agent, and to the home of every other collector, before "
            f"{shown(turn)}."
        )
    if any(key["used_for"] == "not in the file" for key in shown_keys):
        print("Agents hold a key that is not in the file: their fingerprints match no others.")


def _time(moment: float) -> str | None:
    return None if abs(moment) == inf else shown(moment)
