"""A process that loads segments and moves their tenant meanwhile, until somebody kills it.

    python moving.py STORE TENANT PLACEMENT FOLDER

It says `moving` right before it moves, which is what its killer waits for.
"""

import sys
import threading
from pathlib import Path

from partywall_collector.registry.placement import move
from partywall_collector.store import Store, open_store


def load(store: Store, folder: Path) -> None:
    """Each segment of the folder under its name."""
    for path in sorted(folder.iterdir()):
        store.load_file(path, token=path.stem)


def main(url: str, tenant: str, placement: str, folder: str) -> None:
    """Load in one thread, move in the other."""
    with open_store(url, role="owner") as store:
        loading = threading.Thread(target=load, args=(store, Path(folder)), daemon=True)
        loading.start()
        print("moving", flush=True)
        move(store, tenant, placement)
        loading.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
