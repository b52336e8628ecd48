"""The house stays in order: imports run one way, and each heavy library lives in one place."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from partywall import attributes

ROOT = Path(__file__).parent.parent
FLOORS = {
    "partywall": "instrumentation",
    "partywall_collector": "collector",
    "partywall_analyzer": "analyzer",
    "partywall_dashboard": "dashboard",
}
ORDER = list(FLOORS)
SOURCES = [
    (package, path)
    for package, folder in FLOORS.items()
    for path in sorted((ROOT / folder / package).rglob("*.py"))
]
HOME = {
    "clickhouse_connect": "collector/partywall_collector/store/",
    "chdb": "collector/partywall_collector/store/",
    "networkx": "analyzer/partywall_analyzer/",
    "streamlit": "dashboard/partywall_dashboard/",
}
EXTRAS = {"cedar.py": {"cedarpy"}, "tool_rules.py": {"yaml"}, "grants.py": {"jwt", "cryptography"}}
"""What a file of the agent's package may import where it is used, brought by an extra."""

KEYS = {
    value
    for constant, value in vars(attributes).items()
    if constant.isupper() and constant != "NAMESPACE"
}
GROUPS = "|".join(sorted({key.split(".")[1] for key in KEYS}))
SPELLED = re.compile(rf"partywall\.(?:{GROUPS})(?:\.[a-z_.]*)?")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path, package: str) -> Iterator[str]:
    """Every module that the file imports, wherever in it."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield package if node.level else node.module or ""


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", ORDER)
def test_imports_run_one_way(package: str) -> None:
    """instrumentation <- collector <- analyzer <- dashboard; nobody looks up."""
    above = set(ORDER[ORDER.index(package) + 1 :])
    wrong = [
        f"{place(path)} imports {module}"
        for owner, path in SOURCES
        if owner == package
        for module in imported(path, owner)
        if module.partition(".")[0] in above
    ]
    assert not wrong


@pytest.mark.parametrize("library", HOME)
def test_a_heavy_library_is_imported_in_one_place_alone(library: str) -> None:
    wrong = [
        place(path)
        for owner, path in SOURCES
        for module in imported(path, owner)
        if module.partition(".")[0] == library and not place(path).startswith(HOME[library])
    ]
    assert not wrong


def test_what_an_agent_carries_imports_opentelemetry_and_nothing_else() -> None:
    allowed = {"opentelemetry", "partywall", *sys.stdlib_module_names}
    wrong = [
        f"{place(path)} imports {module}"
        for owner, path in SOURCES
        if owner == "partywall"
        for module in imported(path, owner)
        if module.partition(".")[0] not in allowed | EXTRAS.get(path.name, set())
    ]
    assert not wrong


def test_attribute_names_are_spelled_in_one_file() -> None:
    """Everybody else writes `attributes.TENANT_ID`: a name can be found in one place."""
    wrong = [
        f"{place(path)}:{node.lineno} spells {node.value!r}"
        for path in [*(path for _, path in SOURCES), *sorted((ROOT / "benchmarks").rglob("*.py"))]
        if path.name != "attributes.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SPELLED.fullmatch(node.value)
    ]
    assert not wrong


def test_every_file_says_what_it_is_for() -> None:
    """The first line of its docstring, one sentence."""
    silent = [place(path) for _, path in SOURCES if not ast.get_docstring(parsed(path))]
    assert not silent


def test_every_package_is_typed() -> None:
    for package, folder in FLOORS.items():
        assert (ROOT / folder / package / "py.typed").is_file()
