"""Target `stdout`: one line of JSON an alert, for a log shipper or a pipe."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from partywall_analyzer.alerts.alert import Alert


@dataclass(frozen=True, slots=True)
class Stdout:
    """Prints each alert as one line of JSON."""

    needs: ClassVar[Sequence[str]] = ()
    resolves: ClassVar[bool] = True

    def send(self, alert: Alert) -> None:
        """Print it; JSON has no control characters, so that a name cannot forge a line."""
        sys.stdout.write(json.dumps(alert.to_dict()) + "\n")
        sys.stdout.flush()
