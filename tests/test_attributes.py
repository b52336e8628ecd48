"""The attribute names: each is spelled once, explained once, and stands in the documentation."""

import ast
import inspect
import re
from pathlib import Path

from partywall import attributes

DOCS = Path(__file__).parent.parent / "docs" / "instrumentation.md"


def names() -> dict[str, str]:
    """Constant -> attribute name."""
    return {
        constant: value
        for constant, value in vars(attributes).items()
        if constant.isupper() and isinstance(value, str)
    }


def documented() -> dict[str, str]:
    """Constant -> the docstring line beneath it."""
    body = ast.parse(inspect.getsource(attributes)).body
    lines: dict[str, str] = {}
    for statement, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            assert isinstance(below, ast.Expr), f"{statement.target.id} has no docstring beneath it"
            assert isinstance(below.value, ast.Constant)
            lines[statement.target.id] = str(below.value.value)
    return lines


def test_every_name_is_explained_beneath_it() -> None:
    """Meaning and type in one line: what a reader of a span needs to know."""
    lines = documented()
    assert lines.keys() == names().keys()
    assert all(len(line) > 20 for line in lines.values())
    assert len(set(lines.values())) == len(lines)


def test_every_name_is_unique_and_in_our_namespace() -> None:
    values = [value for constant, value in names().items() if constant != "NAMESPACE"]
    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"partywall(\.[a-z]+)+", value) for value in values)


def test_a_constant_is_called_like_its_name() -> None:
    for constant, value in names().items():
        if constant != "NAMESPACE":
            assert value == f"partywall.{constant.lower().replace('_', '.')}"


def test_every_name_stands_in_the_documentation() -> None:
    page = DOCS.read_text(encoding="utf-8")
    missing = [value for value in names().values() if f"`{value}`" not in page]
    assert not missing
