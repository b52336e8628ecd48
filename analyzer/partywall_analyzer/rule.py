"""A rule: what makes a crossing or a broken binding, how it is told, and who must agree to it."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from partywall_analyzer.keys import Key
from partywall_analyzer.model import Proof, Severity, Verdict
from partywall_collector.store import statement

WORDS: Final = frozenset(
    (
        *("who", "by_whom", "of_whom", "to_where", "on_dataset", "of_target", "from_name"),
        *("to_name", "session_name", "acted", "dataset", "source_dataset", "party", "target"),
        *("tool", "credential", "approval", "session", "canary", "times", "after"),
    )
)
"""What title and sentence of a rule can name; `explain.py` fills it in."""

_PLACE: Final = "-- {rule}"
_OPENED: Final = "-- {opened}"

_LINE: Final = re.compile(r"\(line (\d+),")
_KEPT: Final = 500


class Cover(StrEnum):
    """What a grant must be about to cover a crossing; by that, whose grant it is."""

    DATASET = "dataset"
    """The dataset that the call touches; its owner's grant."""
    ANSWER = "answer"
    """Reading the dataset that the data is known from; its owner's grant."""
    PARTY = "party"
    """The party; a grant of the tenant of the session."""
    FLOW = "flow"
    """What was read, or what it went to: a dataset of either side, or a party."""
    RUN = "run"
    """Acting as the other tenant: `tenant/ID`, that tenant's grant."""
    CREDENTIAL = "credential"
    """`credential/ID`, a grant of the tenant that it belongs to."""
    NOTHING = "nothing"
    """No grant heals it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken binding: the reason code, its words, and the verdict where no grant covers it."""

    code: str
    words: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What makes a crossing, how it is told, and where it belongs in the frameworks.

    `opens` is the key that its findings are a function of (docs/analyzer.md, "Writing a rule").
    `direct` is the proof of a crossing that one record shows, and `grounds` says which; None where
    a witness path must grade it; with `traced` the path is drawn, though it grades nothing.
    `broken` is set by a rule about a binding within one tenant, or by one whose crossings stay
    open without a grant. The ids of `frameworks` are those of docs/rules.md. The last three are
    filled in: the docstring, and the other file of the rule.
    """

    id: str
    opens: Key
    title: str
    sentence: str
    frameworks: tuple[str, ...]
    ceiling: Severity
    direct: Proof | None
    covered_by: Cover = Cover.NOTHING
    broken: Broken | None = None
    grounds: str = ""
    traced: bool = False
    about: str = ""
    sql: str = ""
    sql_file: str = field(default="", repr=False)

    @property
    def asks_source(self) -> bool:
        """Whether the tenant that it leads from is the one that would have had to agree."""
        return self.covered_by in (Cover.FLOW, Cover.CREDENTIAL, Cover.PARTY)

    def statement(self, *, dirty: bool = False) -> str:
        """The SQL that finds its crossing calls.

        With `dirty`, what it says of keys that are not dirty is dropped: they may be open in part.
        """
        only = f"WHERE {self.opens} IN {{{self.opens.dirty}:Identifier}}" if dirty else ""
        found = statement("partywall_analyzer.sql", "find_crossings")
        return found.replace(_PLACE, self.sql).replace(_OPENED, only)

    def failed(self, error: Exception) -> "RuleError":
        """What its statement did wrong, at the line that the engine names, if it names one."""
        said = " ".join(str(error).split()).partition(" In scope ")[0]
        above = statement("partywall_analyzer.sql", "find_crossings").partition(_PLACE)[0]
        named = _LINE.search(said)
        line = int(named[1]) - above.count("\n") if named else 0
        inside = 0 < line <= self.sql.count("\n") + 1
        what = f"its statement failed: {said[:_KEPT]}"
        return RuleError(self.id, self.sql_file, line if inside else 0, what)


class RuleError(Exception):
    """A rule that cannot be used: the file, the line and the fault. Met by whoever wrote it."""

    def __init__(self, rule: str, file: str, line: int, what: str) -> None:
        super().__init__(f"{file}:{line}: {what}" if line else f"{file}: {what}")
        self.rule = rule


_RAW: Final = re.compile(
    r"\b(?:FROM|JOIN)\s+(calls|spans|ledger|analyses|quarantine|decoded|ingest|numbers)\b", re.I
)


def raw_table(sql: str) -> tuple[int, str] | None:
    """The line and the name of the first table that a rule must not read by itself."""
    for number, line in enumerate(sql.splitlines(), 1):
        if found := _RAW.search(line.partition("--")[0]):
            return number, found[1]
    return None
