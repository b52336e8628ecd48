"""The knobs of the generator: how much it makes, and how hard that is to see through."""

from dataclasses import dataclass
from typing import Final, NamedTuple


class KnobError(ValueError):
    """A knob is set to what it cannot be; the message names its flag."""


class Range(NamedTuple):
    """A range of whole numbers, both ends included."""

    least: int
    most: int


_HOPS: Final = Range(2, 4)
_DEPTH: Final = Range(1, 2)
_RELAYS: Final = Range(2, 3)
_DELAY: Final = Range(120, 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How much is made, and how hard it is to see through. Fractions are between 0 and 1."""

    seed: int = 7
    tenants: int = 50
    sessions: int = 500
    planted: float = 0.3
    positives: float = 0.5
    kinds: tuple[str, ...] = ()
    zipf: float = 1.1
    hops: Range = _HOPS
    depth: Range = _DEPTH
    relays: Range = _RELAYS
    delay: Range = _DELAY
    links: float = 0.0
    value_noise: float = 0.0
    span_loss: float = 0.0
    clock_skew: float = 0.0
    content_off: float = 0.0
    unbound: float = 0.0
    repeats: float = 0.0
    disorder: float = 0.0
    late: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no world can have."""
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            ends = value if isinstance(value, Range) else (value, value)
            if not (least <= ends[0] <= ends[1] <= most):
                raise KnobError(f"--{name.replace('_', '-')}: from {least:,} to {most:,}")


LIMITS: Final[dict[str, tuple[float, float]]] = {
    "tenants": (3, 5_000),
    "sessions": (1, 1_000_000),
    "planted": (0, 1),
    "positives": (0, 1),
    "zipf": (0, 3),
    "hops": (2, 8),
    "depth": (1, 4),
    "relays": (2, 5),
    "delay": (60, 14 * 86_400),
    "links": (0, 1),
    "value_noise": (0, 0.6),
    "span_loss": (0, 0.1),
    "clock_skew": (0, 30),
    "content_off": (0, 1),
    "unbound": (0, 1),
    "repeats": (0, 1),
    "disorder": (0, 1),
    "late": (0, 1),
}
"""What each knob may be; a delay is in seconds, a skew too."""
