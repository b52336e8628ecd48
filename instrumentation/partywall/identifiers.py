"""Typed identifiers in text: which ones there are, their one spelling, and their keyed fingerprint.

The table `KINDS` has two readers, and so have the kinds that a deployment declares (`declared.py`):
this module, and the collector, which renders them into SQL. So a pattern uses only what Python's
`re` (with ASCII classes) and RE2 read alike: no look-around, no `\\s`, `\\w` or `\\d`, no flags.
Each pattern has exactly one capturing group, the value.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

Case = Literal["lower", "upper", "kept"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of identifier and how it is brought into its one spelling.

    A match counts if its value also matches `needs` and passes `check`. The spelling is the value
    without anything that matches `remove`, in the given letter case. `pattern` is empty for a kind
    that has no form of its own, a plain user name: it is compared, never found.
    """

    name: str
    pattern: str
    needs: str = ""
    check: Literal["", "luhn"] = ""
    remove: str = ""
    case: Case = "lower"
    sign: str = ""
    """What every match holds, short and cheap to look for; a declared kind has none."""
    begins: frozenset[str] = frozenset()
    """The characters that a declared kind begins with."""

    @property
    def form(self) -> str:
        """The pattern of all that was matched, wherever it was cut out: without edges of words."""
        return self.pattern.replace(r"\b", "")


class Identifier(NamedTuple):
    """An identifier found in a text, in its one spelling."""

    kind: str
    value: str


_LABEL = r"[A-Za-z0-9-]{1,63}"
_HOST = (
    rf"(?:{_LABEL}\.){{1,8}}(?:[a-z]{{2,24}}|[A-Z]{{2,24}})\b|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}\b"
)
_USER_INFO = r"[^/?#@ \t\r\n\"'<>]{1,200}@"
_LONG = r"[A-Za-z0-9_-]{20}"
_REST_OF_URL = r"[/?#][^ \t\r\n\"'<>\\]*"

# Payment cards (ISO/IEC 7812): 13 to 19 digits of an issuer of cards, whole or in the groups that
# are printed on them.
_CARD = (
    r"[2-6][0-9]{12,18}|[2-6][0-9]{3}(?:[ -][0-9]{4}){3}(?:[ -][0-9]{1,3})?"
    r"|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5}"
)
# A number behind a label says that it is an account, and so does a sort code before eight digits.
_ACCOUNT_LABEL = (
    r"(?:(?:\b|_)(?:[Aa]ccount|ACCOUNT|[Aa]cct|ACCT|[Aa]/[Cc])|[a-z]Account)[ _.-]{0,2}"
    r"(?:[Nn]umber|NUMBER|[Nn]umero|[Nn]um|[Nn]r|[Nn]o|NO|[Ii][Dd]|#)[^A-Za-z0-9]{1,6}"
    r"|\b[Kk]onto(?:nummer|-?[Nn]r)[^A-Za-z0-9]{1,6}"
    r"|\b[0-9]{2}-[0-9]{2}-[0-9]{2}[ ,;/]{1,3}"
)

# The first kind that matches at a place wins, and its whole match is taken out of the text: the
# host of an address is no second identifier, nor is a token inside a link.
KINDS: tuple[Kind, ...] = (
    Kind("email", rf"([A-Za-z0-9._%+-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{1,8}})", sign="@"),
    Kind(
        "uuid",
        r"\b([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})\b",
        sign=_LONG,
    ),
    Kind(
        "url",
        rf"(?:https?://(?:{_USER_INFO})?)?({_HOST})(?::[0-9]{{1,5}})?(?:{_REST_OF_URL})?",
        remove=r"^[Ww][Ww][Ww]\.",
        sign=r"\.(?:[a-z]{2}|[A-Z]{2}|[0-9]{1,3}\.[0-9])",
    ),
    Kind(
        "iban",
        r"\b([A-Z]{2}[0-9]{2}(?:(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?|[A-Z0-9]{11,30}))\b",
        remove=r" ",
        case="upper",
        sign=r"[A-Z]{2}[0-9]{2}",
    ),
    Kind(
        "phone",
        r"(\+[0-9][0-9 .()-]{6,18}[0-9]|\b[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{4})\b",
        remove=r"[^0-9+]",
        sign=r"\+[0-9]|[0-9]{3}[ .-][0-9]{3}[ .-]",
    ),
    Kind(
        "card",
        rf"\b({_CARD})\b",
        check="luhn",
        remove=r"[ -]",
        sign=r"[0-9]{13}|[0-9]{4}[ -][0-9]{4}",
    ),
    Kind(
        "account",
        rf"(?:{_ACCOUNT_LABEL})([0-9](?:[ -]?[0-9]){{7,16}})\b",
        remove=r"[ -]",
        sign=r"[cC]{2}[oOtT]|/[cC]|onto|\b[0-9]{2}-[0-9]{2}-[0-9]{2}[ ,;/]",
    ),
    Kind("token", r"\b([A-Za-z0-9_-]{20,128})\b", needs=r"[0-9]", case="kept", sign=_LONG),
    Kind(
        "ref",
        r"\b([A-Za-z]{2,8}-[A-Za-z0-9]{5,18})\b",
        needs=r"[0-9]",
        sign=r"[A-Za-z]-[A-Za-z0-9]{5}",
    ),
    Kind("user", ""),
)

BRIEF = 32
"""Characters up to which a text is looked at for a sign before it is searched."""

GENERIC = frozenset(("token", "ref"))
"""The kinds that say little of their values: what is declared goes before them."""

# Python would try each pattern at each letter of plain text, which is most of a text. No pattern
# begins in a run of words that are no label of an account, and none inside a word before a blank.
_WORD = (
    r"(?:[b-jl-zB-JL-Z](?:[a-z]{0,30}|[a-z]{0,13}_[0-9]{1,4})|[aA](?:[abd-z][a-z]{0,29})?"
    r"|[kK](?:[a-np-z][a-z]{0,29})?|[0-9]{1,2})"
)
_LAST_WORD = r"|[A-Za-z0-9][a-z0-9]{0,30}[ \n]"
_ESCAPE = re.compile(r'\\(?:[nrtbf"\\]|u[0-9A-Fa-f]{4})')
_EDGES = " \t\r\n"
_PLAIN: tuple[re.Pattern[str] | None, Case] = (None, "lower")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def unescape(json: str) -> str:
    """JSON as plain text: what an escape stands for never runs into the word behind it."""
    return _ESCAPE.sub(" ", json.replace("\\/", "/"))


def _words(begins: frozenset[str]) -> str:
    """A run of words, none of which begins as a declared kind may."""
    if not begins.isdisjoint(' \n",;:'):
        return ""
    others = f"(?![{''.join(map(re.escape, sorted(begins)))}])" if begins else ""
    return rf"(?:{others}{_WORD}[ \n\",;]{{1,4}}(?::[ \"]{{1,2}})?){{1,64}}|"


class Kinds:
    """The kinds that are looked for, compiled: those of the table, and those that are declared.

    What fits the form of a declared kind as a whole is of that kind. `missing` says that kinds
    were declared which could not be read.
    """

    def __init__(self, declared: Sequence[Kind] = (), *, missing: bool = False) -> None:
        self.declared = tuple(declared)
        self.missing = missing
        formed = [kind for kind in KINDS if kind.pattern]
        self.formed = (
            *(kind for kind in formed if kind.name not in GENERIC),
            *self.declared,
            *(kind for kind in formed if kind.name in GENERIC),
        )
        """The kinds that can be found in text, in the order of the groups of `pattern`."""
        self.all = (*self.formed, *(kind for kind in KINDS if not kind.pattern))
        self.pattern = "|".join(f"(?:{kind.pattern})" for kind in self.formed)
        """All patterns as one alternation: one pass over the text, one group a kind."""
        begins = frozenset[str]().union(*(kind.begins for kind in self.declared))
        words = _words(begins)
        self._pattern = re.compile(f"{words}{self.pattern}{_LAST_WORD}", re.ASCII)
        self._forms = [(kind, re.compile(kind.form, re.ASCII)) for kind in self.declared]
        self._needs = {kind.name: re.compile(kind.needs) for kind in self.all if kind.needs}
        self._spelling: dict[str, tuple[re.Pattern[str] | None, Case]] = {
            kind.name: (re.compile(kind.remove) if kind.remove else None, kind.case)
            for kind in self.all
        }
        signs = "|".join(dict.fromkeys(kind.sign for kind in self.formed))
        self._sign = None if self.declared else re.compile(signs, re.ASCII)

    def find(self, text: str) -> list[Identifier]:
        """Return the distinct identifiers of a text in the order of their first appearance."""
        if len(text) <= BRIEF and self._sign is not None and not self._sign.search(text):
            return []
        found: dict[Identifier, None] = {}
        for match in self._pattern.finditer(text):
            if match.lastindex is not None and (identifier := self._identifier(match)):
                found[identifier] = None
        return list(found)

    def spans(self, text: str) -> Iterator[tuple[Identifier, int, int]]:
        """Yield each identifier of a text with the place of its whole match."""
        for match in self._pattern.finditer(text):
            if match.lastindex is not None and (identifier := self._identifier(match)):
                yield identifier, *match.span()

    def _identifier(self, match: re.Match[str]) -> Identifier | None:
        """What a match of one of the kinds is, if it counts."""
        group = match.lastindex or 0
        kind, value = self.formed[group - 1], match[group]
        for declared, form in self._forms:
            if found := form.fullmatch(match[0]):
                kind, value = declared, found[1]
                break
        if kind.needs and not self._needs[kind.name].search(value):
            return None
        if kind.check and not _luhn(value):
            return None
        return Identifier(kind.name, self.normalise(kind.name, value))

    def normalise(self, kind: str, value: str) -> str:
        """Return the one spelling of a value; of a kind that is not here, trimmed and lowered.

        Letter case is ASCII only, so that Python and ClickHouse agree on every text.
        """
        value = value.strip(_EDGES)
        remove, case = self._spelling.get(kind, _PLAIN)
        if remove is not None:
            value = remove.sub("", value)
        if case == "kept":
            return value
        if value.isascii():
            return value.lower() if case == "lower" else value.upper()
        return value.translate(_LOWER if case == "lower" else _UPPER)


BUILT_IN = Kinds()
"""The kinds of the table alone."""

FORMED = BUILT_IN.formed

_in_force = BUILT_IN


def in_force() -> Kinds:
    """The kinds that this process looks for."""
    return _in_force


def put_in_force(kinds: Kinds) -> None:
    """Look for these kinds in this process from now on."""
    global _in_force
    _in_force = kinds


def find(text: str) -> list[Identifier]:
    """`Kinds.find` of the kinds in force."""
    return _in_force.find(text)


def spans(text: str) -> Iterator[tuple[Identifier, int, int]]:
    """`Kinds.spans` of the kinds in force."""
    return _in_force.spans(text)


def normalise(kind: str, value: str) -> str:
    """`Kinds.normalise` of the kinds in force."""
    return _in_force.normalise(kind, value)


def _luhn(value: str) -> bool:
    """Whether the last digit of a number is its Luhn check digit; as `partywall_luhn.sql`."""
    digits = [ord(sign) - 48 for sign in value if "0" <= sign <= "9"]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def values_of(kind: str, text: str) -> list[str]:
    """Return the values of one kind that an argument names: those found in it, else all of it.

    "Ann <ann@example.com>, bob@example.com" names two mailboxes; "bob" is one user.
    """
    found = [identifier.value for identifier in find(text) if identifier.kind == kind]
    whole = normalise(kind, text)
    return found or ([whole] if whole else [])


def fingerprint(key: bytes, kind: str, value: str) -> int:
    """Return the keyed fingerprint of a normalised value: 64 bits of HMAC-SHA-256 (RFC 2104)."""
    return (_remembered if len(value) <= 256 else _fingerprint)(key, kind, value)


def _fingerprint(key: bytes, kind: str, value: str) -> int:
    begun_inner, begun_outer = _begun(key, kind)
    inner, outer = begun_inner.copy(), begun_outer.copy()
    inner.update(value.encode("utf-8", "surrogatepass"))
    outer.update(inner.digest())
    return int.from_bytes(outer.digest()[:8], "big")


_remembered = lru_cache(maxsize=4096)(_fingerprint)


@lru_cache(maxsize=64)
def _begun(key: bytes, kind: str) -> tuple[Any, Any]:
    """The two hashes of an HMAC up to the value: all before it is the same for one kind."""
    block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\x00")
    inner, outer = bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
    return hashlib.sha256(inner + kind.encode() + b"\x00"), hashlib.sha256(outer)


def fingerprints(key: bytes, identifiers: Iterable[Identifier]) -> list[int]:
    """Return the fingerprints of identifiers, in their order."""
    return [fingerprint(key, identifier.kind, identifier.value) for identifier in identifiers]
