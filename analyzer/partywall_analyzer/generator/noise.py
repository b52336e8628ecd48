"""What happens to values on their way: they are paraphrased, cut, rounded, encoded or split.

Each way is a function of a value; one that is left as it is can be matched, the others cannot.
"""

import base64
import random
import urllib.parse
from collections.abc import Callable, Mapping

Noise = Callable[[str], str]


def _paraphrased(value: str) -> str:
    return f"the {'mailbox' if '@' in value else 'number'} on file"


def _cut(value: str) -> str:
    return value[: len(value) // 2]


def _rounded(value: str) -> str:
    kept = len(value) - 3
    return value[:kept] + "".join("0" if sign.isdigit() else sign for sign in value[kept:])


def _reencoded(value: str) -> str:
    return "".join(f"&#{ord(sign)};" for sign in value)


def _quoted(value: str) -> str:
    return urllib.parse.quote("".join(f"%{ord(sign):02X}" for sign in value), safe="%")


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _split(value: str) -> str:
    half = len(value) // 2
    return f"{value[:half]} / {value[half:]}"


WAYS: tuple[Noise, ...] = (_paraphrased, _cut, _rounded, _reencoded, _quoted, _base64, _split)
"""Every way that a value is changed."""


def noisy(
    record: Mapping[str, str], fraction: float, chance: random.Random
) -> tuple[dict[str, str], frozenset[str]]:
    """A record as it comes through, and the values of it that came through as they were."""
    told: dict[str, str] = {}
    kept: set[str] = set()
    for name, value in record.items():
        told[name] = chance.choice(WAYS)(value) if chance.random() < fraction else value
        if told[name] == value:
            kept.add(value)
    return told, frozenset(kept)
