"""Fixtures that several test files share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from partywall_collector.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty embedded store of its own.

    One process holds one chDB path at a time, so a test that opens another path closes this first.
    """
    with open_store(f"chdb://{tmp_path / 'home'}", role="owner") as store:
        yield store
