"""What was done about a finding, and where a tenant stands with it since."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

LIVE: Final = ("new", "open", "acknowledged")
"""States of a finding that somebody still has to do something about."""

WITHDRAWN: Final = "withdrawn"
"""The state of a finding that no longer follows from what is stored."""


class Kind(StrEnum):
    """What a response is."""

    ACK = "ack"
    CONTAIN = "contain"
    NOTIFY = "notify"
    CLOSE = "close"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One thing that was done about a finding for one of its tenants: a row of `responses`.

    `tenant` is empty for what is the operator's own. `outcome` says how far it came: `done`, or of
    what a target was asked `requested`, `confirmed`, `refused`. `severity` is the finding's then.
    """

    id: str
    finding_id: str
    tenant: str
    kind: Kind
    actor: str
    at: datetime
    severity: str
    outcome: str = "done"
    reason: str = ""
    note: str = ""
    target: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"kind": self.kind.value, "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a tenant stands with a finding: `new`, `open`, `acknowledged` or `closed`.

    `actor`, `at` and `reason` are of the last decision; the reason of an open one that had been
    closed at a lower severity is `rose to SEVERITY`.
    """

    tenant: str
    state: str
    actor: str = ""
    reason: str = ""
    at: datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], at: datetime) -> Self:
        """Read an element of `standings` of the view `current_findings`."""
        decided = at if row["actor"] else None
        return cls(row["tenant"], row["state"], row["actor"], row["reason"], decided)

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"at": self.at.isoformat() if self.at else None}
