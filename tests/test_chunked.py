"""Long lists, a part at a time."""

from hypothesis import given
from hypothesis import strategies as st

from partywall_analyzer.chunked import chunked


@given(st.lists(st.integers()), st.integers(1, 7))
def test_nothing_is_lost_or_moved_and_no_part_is_too_long(items: list[int], size: int) -> None:
    """The parts in their order are the list, and only the last may be short; none is empty."""
    parts = list(chunked(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
    assert all(0 < len(part) <= size for part in parts)
