"""The kinds of targets: one small file each, and one row here."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Protocol, runtime_checkable

from partywall_analyzer.alerts.alert import Alert
from partywall_analyzer.alerts.alertmanager import Alertmanager
from partywall_analyzer.alerts.otlp import Otlp
from partywall_analyzer.alerts.pagerduty import Pagerduty
from partywall_analyzer.alerts.revocation import Revocation
from partywall_analyzer.alerts.slack import Slack
from partywall_analyzer.alerts.stdout import Stdout
from partywall_analyzer.alerts.webhook import Webhook


class Target(Protocol):
    """Where alerts go. Its fields are its keys in the configuration."""

    needs: ClassVar[Sequence[str]]
    """Keys that have no default."""
    resolves: ClassVar[bool]
    """Whether it is told that a finding is done with."""

    def send(self, alert: Alert) -> None:
        """Return once it is taken; raises Refused or Unreachable."""
        ...


@runtime_checkable
class Resending(Protocol):
    """A target that forgets what it is not told again."""

    @property
    def resend_interval(self) -> float: ...

    def resend(self, alerts: Sequence[Alert]) -> None:
        """Tell of all that are open."""
        ...


TARGETS: Final[Mapping[str, type]] = {
    "stdout": Stdout,
    "slack": Slack,
    "pagerduty": Pagerduty,
    "alertmanager": Alertmanager,
    "webhook": Webhook,
    "otlp": Otlp,
    "revocation": Revocation,
}
"""By the name that the configuration gives to the kind."""

REVOKING: Final = ("revocation", "webhook")
"""Kinds that can be asked to revoke a credential."""
