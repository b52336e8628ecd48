"""JSON that was cut off is read up to there."""

import json

from hypothesis import given
from hypothesis import strategies as st

from partywall import attributes, introductions
from partywall.json_values import INVALID, mended, parsed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
)


@given(st.lists(VALUES, min_size=1, max_size=4), st.integers(0, 10**6), st.booleans())
def test_what_was_whole_before_the_cut_is_kept(values: list[object], at: int, ascii: bool) -> None:
    """Each item of a list that ends before the cut is there, in its place and as it was."""
    text = json.dumps(values, ensure_ascii=ascii)
    at %= len(text)
    read = parsed(mended(text[:at]))
    whole = [len(json.dumps(values[: n + 1], ensure_ascii=ascii)) for n in range(len(values))]
    before = [value for value, end in zip(values, whole, strict=True) if end <= at]
    if before:
        expected = parsed(json.dumps(before))
        assert isinstance(read, list)
        assert read[: len(before)] == expected
    elif read is INVALID:
        assert mended(text[:at]) == text[:at]


def test_records_of_a_long_result_stay_apart() -> None:
    """The list of 200 kB is cut, and who stands in a field of its records is no mere text."""
    records = [{"from": f"p{number}@acme.example", "note": "x" * 900} for number in range(200)]
    for result in (records, {"messages": records}, {"content": [{"text": json.dumps(records)}]}):
        text = json.dumps(result)
        said = introductions.result_facts(b"k" * 32, "{}", text)
        forms = str(said[attributes.INTRODUCES]).partition(":")[0].split(",")
        assert "email scalar" in forms, text[:40]
        assert "email text" not in forms, text[:40]


def test_hostile_depth_is_left_alone() -> None:
    """Nothing is closed that no reader would open."""
    for text in ("[" * 70_000, '{"a":' * 20_000, "]" * 70_000, '["' + "\\" * 70_000):
        mended(text)
