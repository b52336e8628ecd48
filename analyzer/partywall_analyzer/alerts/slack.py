"""Target `slack`: an incoming webhook of Slack, or of what understands its messages."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from partywall_analyzer.alerts.alert import Alert
from partywall_analyzer.alerts.http import Request, post
from partywall_analyzer.names import clean
from partywall_collector.component_values import Duration, Secret, about

_LINK: Final = re.compile(r"(?i)\b(https?|ftp|mailto):")
_MARKS: Final = {"critical": "▲", "high": "◆", "medium": "●", "low": "○", "info": "·"}


@dataclass(frozen=True, slots=True)
class Slack:
    """Writes into a channel. Names are plain text: they mention nobody and link nowhere."""

    url: Secret = field(
        default=Secret(""), metadata=about("The address of the incoming webhook; it is a secret.")
    )
    timeout: Duration = field(
        default=Duration(10.0), metadata=about("How long one attempt may take.")
    )
    needs: ClassVar[Sequence[str]] = ("url",)
    resolves: ClassVar[bool] = False

    def send(self, alert: Alert) -> None:
        """Post the message."""
        body = json.dumps(message(alert)).encode()
        post(Request(self.url, body, {"content-type": "application/json"}, self.timeout))


def message(alert: Alert) -> dict[str, Any]:
    """Names stand in `plain_text` objects only, where Slack reads no markup.

    https://docs.slack.dev/reference/block-kit/composition-objects/text-object
    """
    head = f"{_MARKS[alert.severity]} {alert.severity.upper()}: {alert.title}"
    foot = [f"{name} {text}" for name, text in alert.facts().items() if name in _FOOT]
    blocks = [
        {"type": "header", "text": _plain(head, 150)},
        {"type": "section", "text": _plain(alert.sentence, 2_900)},
        {
            "type": "context",
            "elements": [_plain(" | ".join([alert.finding_id, *foot, alert.id]), 1_900)],
        },
    ]
    if alert.link:
        button = {"type": "button", "text": _plain("Show the chain", 70), "url": alert.link}
        blocks.append({"type": "actions", "elements": [button]})
    return {
        "text": escaped(head),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


_FOOT: Final = ("rule", "verdict", "proof", "request_id")


def escaped(text: str) -> str:
    """Text without Slack's three control characters, and with addresses that are no links."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(r"\1[:]", plain)


def _plain(text: str, longest: int) -> dict[str, Any]:
    # Slack wants its three characters escaped in plain text as well.
    shown = clean(text, longest // 5) if len(escaped(text)) > longest else text
    return {"type": "plain_text", "text": escaped(shown), "emoji": False}
