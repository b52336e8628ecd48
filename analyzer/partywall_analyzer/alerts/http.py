"""One POST to a target: taken, refused for good, or to be tried again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import requests

from partywall_analyzer.names import clean

OF_THE_ALERT: Final = (400, 413, 422)
"""Answers that this one alert earns; any other one is the target's state, and is tried again."""


class Refused(Exception):
    """The target will never take this alert."""


class Unreachable(Exception):
    """The target did not take the alert now; `after` is how many seconds it asks to wait."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Secrets are in the address and the headers, so that neither is ever shown."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(repr=False)
    timeout: float = 10.0


def post(request: Request) -> None:
    """Send it; raises Refused or Unreachable. Redirects are not followed: they lead elsewhere."""
    try:
        answer = requests.post(
            request.url,
            data=request.body,
            headers=dict(request.headers),
            timeout=request.timeout,
            allow_redirects=False,
        )
    except (requests.RequestException, UnicodeError, ValueError) as error:
        # Its text may hold the address, and with it a secret.
        raise Unreachable(type(error).__name__) from None
    if answer.ok and not answer.is_redirect:
        return
    said = clean(f"{answer.status_code} {answer.reason or ''}: {answer.text[:300]}", 300)
    if answer.status_code in OF_THE_ALERT:
        raise Refused(said)
    raise Unreachable(said, _retry_after(answer.headers.get("retry-after", "")))


def _retry_after(text: str) -> float:
    """Seconds, or a date; at most an hour, whatever the target says."""
    try:
        if text.strip().isdecimal():
            seconds = float(text)
        else:
            date = parsedate_to_datetime(text)
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return 0.0
    return min(max(seconds, 0.0), 3600.0)
