"""What an operator may set for rules and verdicts: how long, how many, how far clocks may differ.

Each limit is an environment variable, so that every command and every loop has the same ones.
"""

import os
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Final

PREFIX: Final = "PARTYWALL_"


class BadLimit(Exception):
    """A limit that is no number. Met by whoever set the variable."""


def _limit(default: int, doc: str) -> int:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Limits:
    """Whole numbers, none below 0; docs/analyzer.md lists them."""

    clock_skew: int = _limit(60, "seconds by which two clocks may differ")
    delegation_depth: int = _limit(5, "how many may act for one another, who acts included")
    uniform_tenants: int = _limit(8, "for so many tenants an identity may not do the same")
    credential_life: int = _limit(2_592_000, "seconds for which a credential may be good")
    revocation_grace: int = _limit(60, "seconds after a session in which to revoke its credentials")
    session_life: int = _limit(86_400, "seconds within which a session must be closed")
    settle: int = _limit(60, "seconds after which a session that closed is looked at")
    weave_spans: int = _limit(10_000, "spans of one trace that are woven; of a larger one its ends")

    @classmethod
    def read(cls) -> "Limits":
        """Those of the environment; raises BadLimit."""
        return _read(tuple(os.environ.get(variable(name), "") for name in cls.names()))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What can be set."""
        return tuple(each.name for each in fields(cls))

    @classmethod
    def docs(cls) -> dict[str, tuple[int, str]]:
        """For each variable its default and what it means."""
        usual = cls()
        return {variable(f.name): (getattr(usual, f.name), f.metadata["doc"]) for f in fields(cls)}


def variable(name: str) -> str:
    """The environment variable of a limit."""
    return PREFIX + name.upper()


@cache
def _read(texts: tuple[str, ...]) -> Limits:
    values: dict[str, int] = {}
    for name, text in zip(Limits.names(), texts, strict=True):
        if not text.strip():
            continue
        if not text.strip().isdecimal() or len(text) > 9:
            raise BadLimit(f"{variable(name)} is '{text[:40]}'; write a whole number, such as 60")
        values[name] = int(text)
    return Limits(**values)
