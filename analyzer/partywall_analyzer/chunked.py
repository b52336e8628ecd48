"""Parts a long list of names, because a server bounds the parameters of a statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def chunked(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """These items in their order, so many at a time; nothing if there are none."""
    for first in range(0, len(items), size):
        yield items[first : first + size]
