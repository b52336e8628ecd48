"""The decoder and the router as ClickHouse gets them: a change of either is seen as a change.

`make snapshots` writes what is expected anew; what then differs in git is what ClickHouse will do
differently.
"""

import os
from pathlib import Path

import pytest

from partywall_collector.store.ddl import single

FOLDER = Path(__file__).parent / "fixtures" / "rendered"
VIEWS = ("decode", "route_calls", "route_quarantine", "route_requests", "route_spans")


@pytest.mark.parametrize("name", VIEWS)
def test_the_rendered_view_is_the_one_that_was_reviewed(name: str) -> None:
    """Every hole is filled with the names that our one table of conventions has now."""
    rendered = single("views")[name] + "\n"
    expected = FOLDER / f"{name}.sql"
    if os.environ.get("PARTYWALL_SNAPSHOTS") == "write":
        expected.write_text(rendered, "utf-8")
    assert "${" not in rendered
    assert rendered == expected.read_text("utf-8"), "see the change, then run `make snapshots`"


def test_every_view_that_reads_what_landed_has_a_snapshot() -> None:
    """A new route is reviewed as well, and one that is gone leaves no file."""
    routes = {name for name, text in single("views").items() if "MATERIALIZED VIEW" in text}
    assert routes == set(VIEWS) == {path.stem for path in FOLDER.iterdir()}
