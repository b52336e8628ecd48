"""Fixtures that several test files share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from partywall_collector.store import Store, open_store


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a store without a row; making the tables takes longer than a copy."""
    home = tmp_path_factory.mktemp("empty") / "home"
    open_store(f"chdb://{home}", role="owner").close()
    return home


@pytest.fixture
def home(tmp_path: Path, empty_home: Path) -> Path:
    """The home folder of an empty store that nobody has open."""
    return shutil.copytree(empty_home, tmp_path / "home", symlinks=True)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An empty embedded store of its own.

    One process holds one chDB path at a time, so a test that opens another path closes this first.
    """
    with open_store(f"chdb://{home}", role="owner") as store:
        yield store
