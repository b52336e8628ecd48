"""What may not leave the process: content by its attribute's name, secrets by their looks.

The table of secrets is small on purpose: forms that nothing else has. It is a net under the names
in `conventions.CONTENT`, not a promise to find every secret.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, cast

from opentelemetry.util.types import AttributeValue

from partywall import attributes, conventions

Attributes = Mapping[str, AttributeValue]

MASK: Final = "[secret]"

SECRETS: Final[tuple[tuple[str, str], ...]] = (
    (
        "authorization header",
        r"(?i:\b(?:bearer|basic)) +(?=[A-Za-z._~+/-]*[0-9=])[A-Za-z0-9._~+/=-]{8,}",
    ),
    ("JSON web token", r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?"),
    ("AWS access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    ("Slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    ("model API key", r"\bsk-[A-Za-z0-9_-]{16,}"),
    ("Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("password in an address", r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
    (
        "assignment",
        r"(?i:\b(?:password|passwd|secret|api[_-]?key|access[_-]?token|client[_-]?secret)"
        r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]{4,}",
    ),
)
"""What a secret looks like: (what it is, pattern)."""

SECRET_NAME: Final = re.compile(
    r"(?i)(?:^|[._-])(?:password|passwd|secret|authorization|cookie|set-cookie|api[_-]?key"
    r"|access[_-]?token|refresh[_-]?token|private[_-]?key)$"
)
"""An attribute of this name holds nothing else."""

LONGEST: Final = 65_536
"""Characters of one attribute; a longer one is cut, for no secret behind that would be found."""

SHORT: Final = 128
"""Characters up to which a text is remembered."""

MOST_NAMES: Final = 64
"""Attributes of a span that is looked at as a whole; spans come in few forms."""

REMEMBERED: Final = 8_192
"""Texts without a secret that are remembered; most come again and again: ids, names, models."""

Rule = Literal["content", "secret", "own", "text"]

DEEPEST: Final = 8
"""How deep a value may be nested."""

_clean: Final[set[object]] = set()
_SCALARS: Final = frozenset((bool, int, float))

_OWN = frozenset(
    (
        attributes.REQUEST_FACTS,
        attributes.VALUES_IN,
        attributes.VALUES_OUT,
        attributes.ARGUMENT_TERMS,
        attributes.RECORD_TERMS,
        attributes.INTRODUCES,
    )
)
_SECRET = re.compile("|".join(pattern for _what, pattern in SECRETS))
_ERROR_TYPE = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Group)\b")


def without_secrets(text: str) -> str:
    """The text with what looks like a secret masked."""
    if text in _clean:
        return text
    masked = _SECRET.sub(MASK, text[:LONGEST])
    if len(text) <= SHORT and masked == text:
        if len(_clean) >= REMEMBERED:
            _clean.clear()
        _clean.add(text)
    return masked


def is_clean(value: object) -> bool:
    """Whether a text or a number holds nothing that looks like a secret."""
    if type(value) is str:
        return value in _clean or without_secrets(value) == value
    return type(value) in _SCALARS


@lru_cache(maxsize=8192)
def _rule(name: str) -> Rule:
    if conventions.is_content(name):
        return "content"
    if name in _OWN:
        return "own"
    return "secret" if SECRET_NAME.search(name) else "text"


@lru_cache(maxsize=1024)
def _own(names: tuple[str, ...], content: bool) -> frozenset[str] | None:
    """Of the names of a span's attributes those of our own; None if one of them may not leave."""
    rules = {name: _rule(name) for name in names}
    refused = {"secret"} if content else {"secret", "content"}
    if not refused.isdisjoint(rules.values()):
        return None
    return frozenset(name for name, rule in rules.items() if rule == "own")


def passes(said: Attributes, content: bool) -> bool:
    """Whether the attributes may leave as they are; most do, and need not be made anew."""
    own = _own(tuple(said), content) if len(said) <= MOST_NAMES else None
    if own is None:
        return False
    for name, value in said.items():
        if name in own or is_clean(value):
            continue
        if type(value) is not tuple or not all(map(is_clean, cast(tuple[object, ...], value))):
            return False
    return True


def kept(said: Attributes, content: bool) -> tuple[dict[str, AttributeValue], int]:
    """The attributes that may leave the process, and how many were left out."""
    left: dict[str, AttributeValue] = {}
    dropped = 0
    for name, value in said.items():
        rule = _rule(name)
        if rule == "content" and not content:
            dropped += 1
        elif rule == "secret":
            left[name] = MASK
        else:
            left[name] = value if rule == "own" else _scrubbed(value)
    return left, dropped


def description(text: str | None, content: bool) -> str | None:
    """A status description; without content only the type of the error that it starts with."""
    if not text or content:
        return text and without_secrets(text)
    kind = _ERROR_TYPE.match(text)
    return kind[0] if kind else None


def _scrubbed(value: object, depth: int = 0) -> AttributeValue:
    """The value with its texts masked, inside lists and maps too, but not endlessly deep."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        return without_secrets(value.decode("latin-1")).encode("latin-1", "replace")
    if isinstance(value, Mapping | Sequence) and depth >= DEEPEST:
        return ""
    if isinstance(value, Mapping):
        members = cast(Mapping[str, object], value)
        return {name: _scrubbed(item, depth + 1) for name, item in members.items()}
    if isinstance(value, Sequence):
        return [_scrubbed(item, depth + 1) for item in cast(Sequence[object], value)]
    return cast(AttributeValue, value)
