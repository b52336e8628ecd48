"""One alert: what is said about a finding to one target, under an id that stays the same."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from partywall_analyzer.model import Severity, iso
from partywall_analyzer.names import clean

LONGEST_SENTENCE: Final = 2_000


class Event(StrEnum):
    """Why something is said: it was found, became worse, is done with, or is to be revoked."""

    FOUND = "found"
    ROSE = "rose"
    RESOLVED = "resolved"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`finding` is the JSON object of what the target may see: the whole, or one tenant's half.

    `tenant` is whose half it is, empty for the operator; `was` the severity that was told before;
    `subject` the credential that is to be revoked, and `holder` the tenant that it belongs to.
    """

    id: str
    event: Event
    target: str
    tenant: str
    finding_id: str
    severity: Severity
    made: float
    began: float
    was: str = ""
    subject: str = ""
    holder: str = ""
    link: str = ""
    finding: dict[str, Any]

    @property
    def title(self) -> str:
        """One line, safe to print anywhere that has no markup of its own."""
        title = clean(str(self.finding.get("title", ""))) or f"Finding {self.finding_id}"
        return f"{title} (rose from {self.was})" if self.event is Event.ROSE else title

    @property
    def sentence(self) -> str:
        """What is found in plain words, as safe as the title."""
        return clean(str(self.finding.get("sentence", "")), LONGEST_SENTENCE) or self.title

    def facts(self) -> dict[str, str]:
        """What one sorts and searches by: every fact of the finding that is a text, cleaned."""
        kept = ("rule", "verdict", "proof", "state", "from_tenant", "to_tenant", "session_id")
        more = ("request_id", "trace_id", "agent", "identity", "credential_id", "dataset", "party")
        said = {name: clean(str(self.finding.get(name, ""))) for name in (*kept, *more)}
        return {name: text for name, text in said.items() if text}

    def to_dict(self) -> dict[str, Any]:
        """The object that the targets `stdout` and `webhook` send."""
        return {
            "type": f"partywall.finding.{self.event}",
            "id": self.id,
            "timestamp": iso(datetime.fromtimestamp(self.made, UTC)),
            "data": {
                "finding_id": self.finding_id,
                "tenant": self.tenant or None,
                "severity": self.severity.value,
                "severity_before": self.was or None,
                "credential_id": self.subject or None,
                "link": self.link or None,
                "finding": self.finding,
            },
        }


def alert_id(
    target: str, tenant: str, finding: str, event: Event, severity: str, episode: int
) -> str:
    """The same for the same alert, whenever and however often it is made.

    `episode` counts how often the finding had been resolved for this target before.
    """
    key = "\x1f".join((target, tenant, finding, event, severity, str(episode))).encode()
    return "A-" + hashlib.blake2b(key, digest_size=12).hexdigest()
