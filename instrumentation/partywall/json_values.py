"""JSON as ClickHouse reads and writes it, so that both readings of a text give the same values."""

import json
import re
from decimal import Decimal
from typing import Final, NamedTuple, cast

INVALID: Final = object()
"""What `parsed` gives for a text that is no JSON."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|"|[\[\]{},]', re.DOTALL)
_PART_OF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_LINE_ENDS = {0x2028: "\\u2028", 0x2029: "\\u2029"}
_MOST_DIGITS: Final = 19
"""What has fewer digits fits in 64 bits."""


class _Open(NamedTuple):
    """A list or an object that is open: what closes it, and what is around it."""

    closer: str
    around: "_Open | None"


class Object(list[tuple[str, object]]):
    """A JSON object as its members in their order, also where a key stands twice."""


def parsed(text: str) -> object:
    """The value of a JSON text, or INVALID.

    Numbers beyond a double and halves of characters are no JSON; an integer beyond 64 bits is text.
    """
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        return INVALID
    if _SURROGATE.search(text) and _LONE.search(written(value)):
        return INVALID
    return value


def mended(text: str) -> str:
    """JSON that was cut off somewhere, closed behind what was whole; or the text as it is.

    A string in which it was cut is kept up to there.
    """
    opened: _Open | None = None
    at_comma: _Open | None = None
    whole = 0
    tries: list[str] = []
    for match in _STRUCTURE.finditer(text):
        sign = match[0]
        if sign in "[{":
            opened = _Open("]" if sign == "[" else "}", opened)
        elif sign in "]}":
            opened = opened.around if opened else None
        elif sign == ",":
            whole, at_comma = match.start(), opened
        elif sign == '"':
            tries.append(f'{_PART_OF_ESCAPE.sub("", text)}"{_closed(opened)}')
            break
    tries.append(text[:whole] + _closed(at_comma))
    return next((each for each in tries if parsed(each) is not INVALID), text)


def _closed(opened: "_Open | None") -> str:
    closers: list[str] = []
    while opened:
        closers.append(opened.closer)
        opened = opened.around
    return "".join(closers)


def member(value: object, name: str) -> object:
    """The first member of that name of an object, or INVALID."""
    if isinstance(value, Object):
        for key, inner in value:
            if key == name:
                return inner
    return INVALID


def items(value: object) -> list[object] | None:
    """The items of an array; None for anything else."""
    if isinstance(value, list) and not isinstance(value, Object):
        return cast(list[object], value)
    return None


def as_text(value: object) -> str:
    """A value as text: that of a string, nothing for null, else the value as it is written."""
    if value is None or value is INVALID:
        return ""
    return value if isinstance(value, str) else written(value)


def written(value: object) -> str:
    """A value in the shortest form."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).translate(_LINE_ENDS)
    if isinstance(value, Object):
        return "{" + ",".join(f"{written(key)}:{written(inner)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, cast(list[object], value))) + "]"
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)


def _float(value: float) -> str:
    """The shortest digits, with an exponent from 1e21 on and below 1e-6."""
    if value == int(value) and abs(value) < 1e16:
        return "-0" if str(value).startswith("-0") else str(int(value))
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown = "".join(map(str, digits))
    point = len(shown) + cast(int, exponent)
    minus = "-" if sign else ""
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{shown}"
    if point > 21 or point <= -6:
        rest = f".{shown[1:]}" if len(shown) > 1 else ""
        return f"{minus}{shown[0]}{rest}e{point - 1}"
    if len(shown) <= point:
        return minus + shown + "0" * (point - len(shown))
    return f"{minus}{shown[:point]}.{shown[point:]}"


def _refused(constant: str) -> object:
    raise ValueError(constant)


def _parse_int(digits: str) -> int | str:
    if len(digits) < _MOST_DIGITS:
        return int(digits)
    if len(digits) > 64:
        return digits
    number = int(digits)
    return number if -(1 << 63) <= number < 1 << 64 else digits


def _parse_float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(digits)
    return value


_decoder = json.JSONDecoder(
    object_pairs_hook=Object,
    parse_constant=_refused,
    parse_int=_parse_int,
    parse_float=_parse_float,
)
