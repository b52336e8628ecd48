"""The keys of fingerprints: which are in force, and how one follows another without a gap.

A file of keys has a line for each, the oldest first: the key, then `from TIME` and `until TIME`
where it has them. Two keys may overlap. Then identifiers in arguments are fingerprinted under both,
and those in results under one: the older key in the first half of the overlap, the newer in the
second. Data that moved is found between an argument and a result, so it is found under exactly one
of the two keys, and one value never counts as two.
"""

import hashlib
import hmac
import logging
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Final, Literal

from partywall import settings

log = logging.getLogger("partywall")

SHORTEST: Final = 32
"""Bytes of a key."""

MOST: Final = 16
"""Keys of one file."""

LONGEST: Final = 65_536
"""Bytes of a file of keys that are read."""

LOOK_AGAIN: Final = 60.0
"""Seconds after which a file of keys is looked at again."""

NoKey = Literal["no key", "bad key"]


class BadKeys(ValueError):
    """A text that holds no keys which can be used. It says in which line, and tells no key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A fingerprint key, the name of its epoch, and when it is used (Unix seconds)."""

    secret: bytes = field(repr=False)
    epoch: str
    begins: float = -inf
    ends: float = inf
    results_from: float = -inf
    results_until: float = inf


@dataclass(frozen=True, slots=True)
class InForce:
    """The keys of one moment: that of results, and those of arguments, which begin with it."""

    results: Key
    arguments: tuple[Key, ...]

    @property
    def epochs(self) -> str:
        """The names of the epochs, with a space between."""
        return " ".join(key.epoch for key in self.arguments)


class Keys(tuple[Key, ...]):
    """The keys of a deployment, the oldest first."""

    __slots__ = ()

    def at(self, now: float) -> InForce | None:
        """The keys in force at a moment; None before the first, after the last, or in a gap."""
        for key in self:
            if key.results_from <= now < key.results_until:
                others = (k for k in self if k is not key and k.begins <= now < k.ends)
                return InForce(key, (key, *others))
        return None


def parse(text: str) -> Keys:
    """The keys that a text holds, a line each: at least 32 bytes as hexadecimal digits, and times.

    Raises BadKeys.
    """
    found: list[Key] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            found.append(_key(number, words))
            _check_order(number, found)
    if not found:
        raise BadKeys("it holds no key")
    return Keys(_with_turns(found))


def line(key: Key) -> str:
    """A key as a line of a file; `parse` reads it."""
    words = [key.secret.hex()]
    for word, moment in (("from", key.begins), ("until", key.ends)):
        if abs(moment) != inf:
            words += [word, shown(moment)]
    return " ".join(words)


def shown(moment: float) -> str:
    """A moment as a file has it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def epoch(secret: bytes) -> str:
    """The name of a key: 32 bits of an HMAC under it, which tell nothing about it."""
    return hmac.digest(secret, b"epoch", hashlib.sha256)[:4].hex()


def in_force() -> InForce | NoKey:
    """The keys of this process at this moment, or why there are none.

    Keys that cannot be used are warned about, once. A file is read again when it has changed; one
    that has become unusable leaves the keys that were read before in force.
    """
    said = settings.FINGERPRINT_KEY.text(), settings.FINGERPRINT_KEY_FILE.text()
    now = time.time()
    source = _sources.get(said)
    if source is None or now >= source.look_again:
        with _lock:
            source = _sources[said] = _looked(*said, now, _sources.get(said))
    keys = source.keys
    return keys if isinstance(keys, str) else keys.at(now) or "no key"


@dataclass(frozen=True, slots=True)
class _Source:
    """What the settings led to, and the state of the file from which it was read."""

    keys: Keys | NoKey
    state: tuple[int, int] | None = None
    look_again: float = inf


_lock = threading.RLock()
_sources: dict[tuple[str, str], _Source] = {}


def _looked(text: str, file: str, now: float, before: _Source | None) -> _Source:
    if text:
        return _Source(_read(settings.FINGERPRINT_KEY.name, text))
    if not file:
        log.info(
            "no fingerprint key: calls carry no fingerprints, which is recorded on them; set "
            "%s or %s (said once)",
            settings.FINGERPRINT_KEY.name,
            settings.FINGERPRINT_KEY_FILE.name,
        )
        return _Source("no key")
    return _of_file(Path(file), now, before)


def _of_file(file: Path, now: float, before: _Source | None) -> _Source:
    state: tuple[int, int] | None = None
    try:
        stat = file.stat()
        state = stat.st_mtime_ns, stat.st_size
        if before is not None and before.state == state:
            return replace(before, look_again=now + LOOK_AGAIN)
        with file.open("rb") as opened:
            text = opened.read(LONGEST).decode("ascii", "replace")
    except (OSError, ValueError) as error:
        if before is None or before.state is not None:
            log.warning(
                "%s: the file cannot be read (%s)",
                settings.FINGERPRINT_KEY_FILE.name,
                type(error).__name__,
            )
        keys: Keys | NoKey = "bad key"
    else:
        keys = _read(settings.FINGERPRINT_KEY_FILE.name, text)
    if keys == "bad key" and before is not None:
        keys = before.keys
    return _Source(keys, state, now + LOOK_AGAIN)


def _read(source: str, text: str) -> Keys | NoKey:
    try:
        return parse(text)
    except BadKeys as error:
        log.warning(
            "%s cannot be used: %s. Calls carry no fingerprints, which is recorded on them; take "
            "the fingerprint.key of the store, or make one with `openssl rand -hex 32` (said once)",
            source,
            error,
        )
        return "bad key"


def _key(number: int, words: list[str]) -> Key:
    try:
        secret = bytes.fromhex(words[0])
    except ValueError:
        secret = b""
    if len(secret) < SHORTEST:
        raise BadKeys(f"line {number} is no key of at least {SHORTEST} bytes in hexadecimal digits")
    times = {"from": -inf, "until": inf}
    for name, moment in zip(words[1::2], [*words[2::2], ""], strict=False):
        if name not in times or abs(times[name]) != inf:
            raise BadKeys(f"line {number}: after the key stand only `from TIME` and `until TIME`")
        times[name] = _moment(number, moment)
    if times["from"] >= times["until"]:
        raise BadKeys(f"line {number}: the key ends before it begins")
    return Key(secret, epoch(secret), times["from"], times["until"], times["from"], times["until"])


def _moment(number: int, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < 2100:
        raise BadKeys(f"line {number}: a time is written as 2026-01-31T09:00:00Z")
    return moment.timestamp()


def _check_order(number: int, keys: list[Key]) -> None:
    if len(keys) > MOST:
        raise BadKeys(f"line {number}: more than {MOST} keys; take out those that have ended")
    *earlier, newest = keys
    if any(key.secret == newest.secret for key in earlier):
        raise BadKeys(f"line {number}: the key stands in an earlier line too")
    if not earlier:
        return
    before = earlier[-1]
    if before.ends == inf or newest.begins == -inf or before.begins >= newest.begins:
        raise BadKeys(
            f"line {number}: a key that follows another begins `from` a later time, and the other "
            "has its `until`"
        )
    if before.ends > newest.ends or any(key.ends > newest.begins for key in earlier[:-1]):
        raise BadKeys(f"line {number}: more than two keys would be in force at one moment")


def _with_turns(keys: list[Key]) -> list[Key]:
    """In the middle of an overlap results go over from the older key to the newer."""
    turned = list(keys)
    for at, (older, newer) in enumerate(pairwise(keys)):
        if newer.begins < older.ends:
            turn = (newer.begins + older.ends) // 2
            turned[at] = replace(turned[at], results_until=turn)
            turned[at + 1] = replace(turned[at + 1], results_from=turn)
    return turned
