"""Fills what Python and SQL both know into the text of a statement.

`${NAME}` in a `.sql` file stands for a name of `partywall.attributes` or for a list that is made
from the reading conventions here; `${FACT of attributes}` stands for the attributes that may state
a fact, in their order, `${OWN FACT of attributes}` for the first of them, which is our own, and
`${OTHER FACT of attributes}` for the rest.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Final, get_args

from partywall import attributes, conventions
from partywall.conventions import StepRule
from partywall.identifiers import BUILT_IN, Kind, Kinds
from partywall.introductions import Rank
from partywall_collector.store.patterns import is_all_value, whole, without_groups

FACTS_OF_CALLS: Final = (
    attributes.ARGUMENT_TERMS,
    attributes.INTRODUCES,
    attributes.RECORD_TERMS,
    attributes.VALUES_IN,
    attributes.VALUES_OUT,
)
"""What our SDK takes of a call and `calls` has columns for."""

_HOLE: Final = re.compile(r"\$\{(?:(OWN|OTHER) )?(\w+)(?: of (\w+))?\}")
_SOME: Final = {"OWN": slice(1), "OTHER": slice(1, None), None: slice(None)}


def render(text: str, kinds: Kinds = BUILT_IN) -> str:
    """The statement with every hole filled; `kinds` are the identifiers that it looks for."""
    return _HOLE.sub(partial(_fill, LISTS | _lists_of(kinds)), text)


def _fill(lists: Mapping[str, str], hole: re.Match[str]) -> str:
    some, name, column = hole.groups()
    if column:
        names: tuple[str, ...] = getattr(conventions, name)[_SOME[some]]
        return ", ".join(f"partywall_said({_value(column, fact)})" for fact in names)
    if name in lists:
        return lists[name]
    return _escaped(getattr(attributes, name))


def _value(column: str, fact: str) -> str:
    """Where a fact stands: an attribute, or a key of one that holds a JSON object."""
    attribute, _at_key, key = fact.partition(":")
    value = f"{column}[{quoted(attribute)}]"
    if not key:
        return value
    is_text = f"JSONType({value}, {quoted(key)}) = 'String'"
    return f"if({is_text}, JSONExtractString({value}, {quoted(key)}), '')"


def quoted(text: str) -> str:
    """The text as a string literal."""
    return f"'{_escaped(text)}'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _list(texts: Iterable[str]) -> str:
    return ", ".join(quoted(text) for text in texts)


def _steps() -> str:
    return ",\n            ".join(
        f"{_condition(rule)}, {quoted(rule.step)}" for rule in conventions.STEPS
    )


def _condition(rule: StepRule) -> str:
    parts: list[str] = []
    if rule.attribute:
        sign = "=" if rule.equals else "!="
        parts.append(f"attributes[{quoted(rule.attribute)}] {sign} {quoted(rule.equals)}")
    if rule.name_prefix:
        parts.append(f"startsWith(name, {quoted(rule.name_prefix)})")
    if rule.name_suffix:
        parts.append(f"endsWith(name, {quoted(rule.name_suffix)})")
    if rule.absent:
        parts.append(f"attributes[{quoted(rule.absent)}] = ''")
    return " AND ".join(parts)


def _tool_in_span_name() -> str:
    after = [
        f"position(name, {quoted(mark)}) > 0, "
        f"substring(name, position(name, {quoted(mark)}) + {len(mark)})"
        for mark in conventions.TOOL_NAME_AFTER
    ]
    before = [
        f"endsWith(name, {quoted(mark)}), substring(name, 1, length(name) - {len(mark)})"
        for mark in conventions.TOOL_NAME_BEFORE
    ]
    return ",\n            ".join([*after, *before])


def _content_names() -> str:
    return _list(name for name in conventions.CONTENT if not name.endswith("*"))


def _content_prefixes() -> str:
    return _any(name[:-1] for name in conventions.CONTENT if name.endswith("*"))


def _attributes_of(facts: Iterable[str]) -> str:
    """The attributes in which facts stand, each once."""
    return _list(sorted({fact.partition(":")[0] for fact in facts}))


def _any(texts: Iterable[str]) -> str:
    """A pattern for any of these texts."""
    return _escaped("|".join(re.escape(text) for text in texts))


def _event_values(events: Iterable[tuple[str, str]]) -> str:
    return ", ".join(
        f"partywall_event_value(events, {quoted(event)}, {quoted(attribute)})"
        for event, attribute in events
    )


@lru_cache(maxsize=8)
def _lists_of(kinds: Kinds) -> dict[str, str]:
    """What is made from the kinds of identifiers."""
    return {
        "CHECKS": _checks(kinds),
        "IDENTIFIERS": _escaped(without_groups(kinds.pattern)),
        "KEPT_KINDS": _list(kind.name for kind in kinds.all if kind.case == "kept"),
        "KIND_OF": _kind_of(kinds),
        "NEEDS": _needs(kinds),
        "PARTY_KINDS": _list(kind.name for kind in kinds.all),
        "REMOVALS": _removals(kinds),
        "UPPER_KINDS": _list(kind.name for kind in kinds.all if kind.case == "upper"),
        "VALUES": _values(kinds),
    }


def _kind_of(kinds: Kinds) -> str:
    """What fits a declared kind is of that kind; all else is of the first kind that it fits."""
    others = [kind for kind in kinds.formed if kind not in kinds.declared]
    return ",\n        ".join(
        f"match(found, {quoted(whole(kind.pattern))}), {quoted(kind.name)}"
        for kind in (*kinds.declared, *others)
    )


def _needs(kinds: Kinds) -> str:
    return ",\n                ".join(
        f"its_kind = {quoted(kind.name)}, match(found, {quoted(kind.needs)})"
        for kind in kinds.formed
        if kind.needs
    )


def _checks(kinds: Kinds) -> str:
    """Conditions that hold for whatever is of another kind; that asks for no work on it."""
    return " AND ".join(
        f"partywall_{kind.check}(if(its_kind = {quoted(kind.name)}, found, ''))"
        for kind in kinds.formed
        if kind.check
    )


def _values(kinds: Kinds) -> str:
    return ",\n                    ".join(
        f"its_kind = {quoted(kind.name)}, "
        f"extract(if(its_kind = {quoted(kind.name)}, found, ''), {quoted(_cut(kind, kinds))})"
        for kind in kinds.formed
        if not is_all_value(kind.pattern)
    )


def _cut(kind: Kind, kinds: Kinds) -> str:
    """The pattern that cuts a value out of what was found; a declared form fits all of it."""
    return f"^(?:{kind.form})$" if kind in kinds.declared else kind.pattern


def _removals(kinds: Kinds) -> str:
    trimmed = "trimBoth(value, ' \\t\\r\\n')"
    return ",\n            ".join(
        f"kind = {quoted(kind.name)}, replaceRegexpAll({trimmed}, {quoted(kind.remove)}, '')"
        for kind in kinds.all
        if kind.remove
    )


LISTS: Final = {
    "CONTENT_NAMES": _content_names(),
    "CONTENT_PREFIXES": _content_prefixes(),
    "ARGUMENT_EVENTS": _event_values(conventions.ARGUMENT_EVENTS),
    "EMPTY": _list(conventions.EMPTY),
    "FACTS_OF_CALLS": _list(FACTS_OF_CALLS),
    "HANDOFF_TOOLS": _any(conventions.HANDOFF_TOOLS),
    "OTHER_NAMES": _attributes_of(
        name
        for names in (
            conventions.TENANT,
            conventions.SESSION,
            conventions.REQUEST,
            conventions.AGENT,
            conventions.IDENTITY,
        )
        for name in names[_SOME["OTHER"]]
    ),
    "PRINTED_ARGUMENTS": _escaped(conventions.PRINTED_ARGUMENTS),
    "RANKS": _list(get_args(Rank)),
    "RESULT_EVENTS": _event_values(conventions.RESULT_EVENTS),
    "STEPS": _steps(),
    "STEP_NAMES": _attributes_of(
        (
            *(rule.attribute for rule in conventions.STEPS if rule.attribute),
            *(rule.absent for rule in conventions.STEPS if rule.absent),
            *conventions.TOOL_NAME,
        )
    ),
    "TOOL_NAME_IN_SPAN_NAME": _tool_in_span_name(),
    "WRAPPED_ARGUMENTS": _escaped(conventions.WRAPPED_ARGUMENTS[1]),
    "WRAPPED_NAME": _escaped(conventions.WRAPPED_ARGUMENTS[0]),
}
