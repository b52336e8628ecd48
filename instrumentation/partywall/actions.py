"""Whether a request asks for something that reaches somebody: the words for it, as data.

A request is read for these words when its session is registered. They are English imperatives and
the nouns that go with them; another language is another table. They speak of ordinary requests and
of no attack. The table is not divided into kinds of action: measured on requests whose words it
had not seen, a finer one turned away far more honest work than it caught attacks.
"""

from typing import Final

REACH: Final[tuple[str, ...]] = (
    # to write to somebody
    *("send", "email", "e-mail", "mail", "forward", "reply", "respond", "write", "message", "dm"),
    *(
        "contact",
        "notify",
        "inform",
        "remind",
        "ask",
        "cc",
        "text",
        "ping",
        "congratulate",
        "greet",
    ),
    # "tell me" and "let us know" ask for an answer, not for a message to somebody
    r"(?:tell|let)(?! (?:me|us)\b)",
    # to bring somebody in
    *("invite", "add", "participant", "participants", "attendee", "attendees", "join", "onboard"),
    *("admit", "enrol", "enroll", "register", "grant", "access", "assign", "delegate", "escalate"),
    # to hand something out
    *("share", "post", "publish", "upload", "submit", "push", "release", "deliver", "report"),
    # to pay
    *(
        "pay",
        "transfer",
        "refund",
        "reimburse",
        "wire",
        "settle",
        "donate",
        "tip",
        "buy",
        "purchase",
    ),
    *("bill", "invoice", "fee", "renew", "subscribe"),
    # a new payment; to change one that is there ("adjust my rent payment") brings in nobody
    r"(?:make(?! sure)|set up|create|schedule|issue|process|place)(?:\s+[\w-]+){0,4}?"
    r"\s+(?:payments?|transactions?|orders?|subscriptions?)",
    # to do whatever a text says
    *("task", "tasks", "todo", "todos", "actions", "instructions", "steps"),
)

_ONE = r"\s+(?:an?|the|my|our|your|this|that)\s+"

THINGS: Final[tuple[str, ...]] = (
    # a message to look into: "it is in an email"; what is said in one to somebody is sent
    rf"(?:in|from|of|within){_ONE}(?:[\w-]+\s+){{0,2}}?(?:e-?mail|mail|message|text|post)(?!\s+to\b)",
    r"e-?mail\s+address(?:es)?",
    # to write something into a thing, but for those that stand for people
    rf"add(?:\s+(?!to\b)[\w'.,-]+){{1,12}}?\s+to{_ONE}"
    r"(?!(?:[\w-]+\s+)?(?:mailing|guest|contact|distribution|attendee|access|invite)\b)"
    r"(?:[\w'-]+\s+){0,2}?(?:file|document|doc|list|sheet|spreadsheet|table|notes?|page|folder)",
)
"""Where a word of `REACH` is no order: it names a thing that is read or written, and nobody."""

POLITE: Final[tuple[str, ...]] = ("please", "can you", "could you", "will you", "would you")
"""With one of these, a sentence that ends in a question mark may still be an order."""

VISITS: Final = frozenset({"fetch", "read", "get", "visit", "browse", "open", "download"})
"""Operations that only look: no request has to ask for them in so many words."""

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
