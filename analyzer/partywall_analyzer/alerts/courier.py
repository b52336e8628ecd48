"""Carries the alerts of one target, oldest first: a dead target holds up nobody but itself."""

import logging
import math
import random
import threading
import time
from typing import Final

from partywall_analyzer.alerts.config import Retry
from partywall_analyzer.alerts.http import Refused, Unreachable
from partywall_analyzer.alerts.outbox import Outbox
from partywall_analyzer.alerts.targets import Resending, Target

_log: Final = logging.getLogger("partywall.alerts")
_GLANCE: Final = 1.0
"""Seconds between two looks into the outbox where nobody says that there is something."""
_PATIENCE: Final = 5.0
"""Seconds in which what waits may still go after `stop`."""


class Courier(threading.Thread):
    """A thread that sends, waits longer after each failure, and never gives up."""

    def __init__(
        self,
        name: str,
        target: Target,
        audience: str,
        outbox: Outbox,
        retry: Retry,
        *,
        once: bool = False,
    ) -> None:
        super().__init__(name=f"alerts to {name}", daemon=True)
        self._audience = audience
        self._target_name = name
        self._target = target
        self._outbox = outbox
        self._retry = retry
        self._once = once
        self._failures = 0
        self._leave_by = math.inf
        self._resent = time.monotonic()
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def wake(self) -> None:
        """There is something to send."""
        self._woken.set()

    def stop(self) -> None:
        """End once nothing waits, after a failure, or soon; what waits stays in the outbox."""
        self._leave_by = time.monotonic() + _PATIENCE
        self._stopped.set()
        self._woken.set()

    def run(self) -> None:
        """Until `stop`; with `once`, until nothing waits or one attempt failed."""
        while time.monotonic() < self._leave_by:
            self._woken.clear()
            leaving = self._once or self._stopped.is_set()
            try:
                sent = self._send_next()
            except Unreachable as error:
                if leaving:
                    return
                self._stopped.wait(self._pause(error))
                continue
            if not sent:
                if leaving:
                    return
                self._woken.wait(_GLANCE)

    def _send_next(self) -> bool:
        """Whether there was something to send; raises Unreachable."""
        alert = self._outbox.next(self._target_name)
        if alert is None:
            self._resend()
            return False
        try:
            if alert.tenant != self._audience:  # the file gave the name to somebody else since
                raise Refused("it was made for another audience than the target has now")
            self._target.send(alert)
        except Refused as error:
            _log.error("%s refused alert %s for good: %s", self._target_name, alert.id, error)
            self._outbox.refused(alert, str(error))
        except Unreachable as error:
            self._outbox.failed(alert, str(error))
            raise
        except Exception as error:  # a courier that ended here would look like a quiet day
            _log.exception("alert %s to %s failed; it is tried again", alert.id, self._target_name)
            self._outbox.failed(alert, type(error).__name__)
            raise Unreachable(type(error).__name__) from error
        else:
            self._outbox.delivered(alert, keep=isinstance(self._target, Resending))
        self._failures = 0
        return True

    def _resend(self) -> None:
        if not isinstance(self._target, Resending):
            return
        if time.monotonic() - self._resent < self._target.resend_interval:
            return
        self._resent = time.monotonic()
        standing = [
            alert
            for alert in self._outbox.open(self._target_name)
            if alert.tenant == self._audience
        ]
        if standing:
            try:
                self._target.resend(standing)
            except Refused as error:
                _log.error("%s refused what still stands: %s", self._target_name, error)

    def _pause(self, error: Unreachable) -> float:
        """A random part of a span that doubles, so that targets that come back are not stormed."""
        span = min(
            self._retry.initial_interval * 2 ** min(self._failures, 30), self._retry.max_interval
        )
        if self._failures == 0:
            _log.warning("%s does not take alerts; they wait: %s", self._target_name, error)
        self._failures += 1
        return max(random.uniform(span / 2, span), error.after)
