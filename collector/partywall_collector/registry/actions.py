"""What a request can ask to be done with a party: the words for it, as data.

A request is read for these words when its session is registered. The words are English imperatives
and the nouns that go with them; another language is another table. They speak of ordinary requests
and of no attack. `USES` says which action an operation on a kind of party is.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do with a party, and the words with which a request asks for it."""

    name: str
    words: tuple[str, ...]


# A request may hand the choice of action over to content: "do the tasks on my list".
_HANDED_OVER: Final = ("task", "tasks", "todo", "todos", "actions", "instructions", "steps")

# "Tell me", "let us know" and the like ask for an answer, not for a message to somebody.
_TELL: Final = r"(?:tell|let)(?! (?:me|us)\b)"

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "contact",
        (
            *("send", "email", "e-mail", "mail", "forward", "reply", "respond", "share"),
            *("invite", "participant", "participants", "attendee", "attendees", "add", "write"),
            *("contact", "notify", "inform", "remind", "cc", "message", "dm", "post", "ask"),
            *("congratulate", "greet", _TELL, *_HANDED_OVER),
        ),
    ),
    Action(
        "pay",
        (
            *("pay", "send", "transfer", "refund", "reimburse", "wire", "settle", "donate", "tip"),
            *("payment", "payments", "transaction", "bill", "invoice", "rent", "fee"),
            *("orders", "subscription", "adjust", *_HANDED_OVER),
        ),
    ),
    Action(
        "publish",
        (
            *("post", "publish", "upload", "submit", "send", "write", "share", "push", "release"),
            *_HANDED_OVER,
        ),
    ),
    Action(
        "visit",
        (
            *("visit", "read", "open", "browse", "fetch", "download", "check", "find", "look"),
            *("summarize", "summarise", "summary", "review", "website", "websites", "webpage"),
            *("webpages", "site", "sites", "page", "pages", "link", "links", "url", "urls"),
            *("article", "articles", "blog", "blogs", "details", "info", "information"),
            *_HANDED_OVER,
        ),
    ),
    Action(
        "admit",
        (
            *("invite", "add", "join", "onboard", "admit", "enrol", "enroll", "register", "grant"),
            *("access", *_HANDED_OVER),
        ),
    ),
)

USES: Final[dict[tuple[str, str], str]] = {
    ("fetch", "*"): "visit",
    ("read", "*"): "visit",
    ("get", "*"): "visit",
    ("admit", "*"): "admit",
    ("invite", "*"): "admit",
    ("pay", "*"): "pay",
    ("transfer", "*"): "pay",
    ("*", "iban"): "pay",
    ("*", "url"): "publish",
    ("*", "email"): "contact",
    ("*", "phone"): "contact",
    ("*", "user"): "contact",
}
"""(operation, party kind) to action; the first of exact, operation, kind counts."""


def action_of(operation: str, kind: str) -> str:
    """Return the action that an operation on a party is; empty if the table knows none."""
    for key in ((operation, kind), (operation, "*"), ("*", kind)):
        if key in USES:
            return USES[key]
    return ""


_STOP: Final = """
a about after all also an and any are as at be been before being but by can could did do does done
each else every for from get give had has have he her here him his how i if in into is it its just
know let like make me more most my need new no not of on once one only or other our out please same
see she should show so some such take tell than that the their them then there these they this
those to up us use want was we were what when where which who whom whose why will with would you
your
"""
STOP: Final = frozenset(_STOP.split())
"""Words that point at nothing: function words, and words that nearly every request has."""
