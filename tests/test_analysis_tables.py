"""Tables of one analysis: those of a killed one are dropped, those of a running one never."""

import time

from partywall_analyzer.datasets import Datasets
from partywall_analyzer.spread import Spread
from partywall_analyzer.tables import Tables
from partywall_collector.registry import Registry
from partywall_collector.store import Store

NAMES = "SELECT name FROM system.tables WHERE startsWith(name, 'analysis_')"


def test_only_what_a_killed_analysis_left_behind_is_dropped(store: Store) -> None:
    """After an hour a table is nobody's; a younger one may be in use."""
    now = int(time.time())
    old, young = f"analysis_{now - 4000}_aaaaaa_owners", f"analysis_{now - 60}_bbbbbb_owners"
    for name in (old, young):
        store.command(f"CREATE TABLE {name} (id String) ENGINE = Memory")
    try:
        with Tables(store, Registry.read(store), Datasets(), Spread(), 0):
            names = {row["name"] for row in store.rows(NAMES)}
        assert young in names
        assert old not in names
        assert {row["name"] for row in store.rows(NAMES)} == {young}
    finally:
        store.command(f"DROP TABLE IF EXISTS {young}")
