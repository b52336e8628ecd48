"""OTLP in until queryable: spans per CPU second of a real collector, and of two other ways.

    uv run python benchmarks/ingest.py --tenants 50
    uv run python benchmarks/ingest.py --overload

A client process sends the spans of `agent_spans.py` over gRPC; the CPU that counts is that of this
process, from the first request until all spans are in the tables. In the same run, on the same
store, the same requests go the way that one would write by hand (`by_hand.py` says what it promises
and what not), and the run fails unless every column of every row came out the same. The rows are
also inserted in the Native format: each table in one block, which is the least that any way can
cost (`vs_native`), and in as many blocks as the collector had segments (`vs_native_in_segments`),
because each has its parts to write. By hand there is one insert a table for 150,000 spans, which
are as many as a full segment has, however long they wait for each other; the collector begins to
load after half a second. Merges wait meanwhile, for all alike; then the tables are merged and
measured.

By default so many `taken` spans are sent that the collector makes several segments and those in the
middle are full, as while spans pour in. Less than that shows the first load, which costs about a
second more than the next ones, and small segments; `segments` says how many there were. Of `raw`
there are two at most.

`taken` are spans whose facts our SDK took; `raw` have content, and the collector takes the facts
of them. The top of the JSON line is `taken`. `--overload` sends without pause from twice as many
threads as the receiver has, takes refusals, and looks for every request that was acknowledged. With
a small `--queue-size-mib` the spool is full most of the time.
"""

import argparse
import contextlib
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
from agent_spans import Kind
from by_hand import ByHand
from by_hand_rows import CALLS, SPANS

from partywall import fingerprint_keys
from partywall_collector.collector import Collector
from partywall_collector.components import Batch
from partywall_collector.config import Config
from partywall_collector.memory import resident
from partywall_collector.registry import placement
from partywall_collector.store import Store, open_store
from partywall_collector.store.home import Home

TOKEN = "load"
KEY = "5a" * 32
TABLES = ("spans", "calls")
SPANS_SENT: Mapping[Kind, int] = {"taken": 450_000, "raw": 150_000}
"""The first make several segments, the second two at most: with content all ways take long."""
ONE_BLOCK = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_insert_block_size": 100_000_000,
    "min_insert_block_size_rows": 100_000_000,
    "max_partitions_per_insert_block": 0,
    "async_insert": 0,
}
PATIENCE = 600.0


class Cost:
    """CPU and wall seconds of this process since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.monotonic()

    def seconds(self) -> tuple[float, float]:
        return time.process_time() - self._cpu, time.monotonic() - self._wall


@contextlib.contextmanager
def client(
    endpoint: str, kind: Kind, store: Store, options: argparse.Namespace
) -> Generator[Callable[[], Any]]:
    """A client process that is ready; to call what is yielded lets it send and gives its report."""
    script = Path(__file__).with_name("ingest_client.py")
    command = [sys.executable, str(script), endpoint, "--token", TOKEN, "--kind", kind]
    spans = options.spans or SPANS_SENT[kind]
    command += ["--tenants", str(options.tenants), "--spans", str(spans)]
    bodies = f"{kind}-{options.tenants}-{spans}-{options.seed}.bodies"
    command += ["--seed", str(options.seed), "--bodies", str((options.keep or store.home) / bodies)]
    if options.overload:
        command += ["--threads", "32", "--seconds", str(options.seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        if it.stdout.readline() != "ready\n":
            raise RuntimeError("the client does not start")

        def send() -> Any:
            out, _ = it.communicate("\n", PATIENCE)
            if it.returncode:
                raise RuntimeError("the client failed")
            return json.loads(out)

        yield send


def new_store(folder: Path) -> Store:
    """An empty store with the key that the clients have; facts under another one do not count."""
    home = Home(folder)
    home.make()
    home.write_fingerprint_keys(fingerprint_keys.parse(KEY))
    return open_store(f"chdb://{folder}", role="owner")


def register(store: Store, tenants: int, pools: int) -> Mapping[str, str]:
    """The tenants, placed as the registry does, and the one principal that may write for all."""
    now = datetime(2020, 1, 1, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"tenant_id": f"tenant-{number:04d}", "recorded_at": now} for number in range(tenants)
    ]
    placement.place(rows, {})
    for number, row in enumerate(rows if pools else ()):
        row["placement"] = f"pool-{number % pools:02d}"
    store.insert("tenants", rows)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    principal = {"principal_id": "load", "tenants": ["*"], "token_sha256": digest}
    store.insert("principals", [{**principal, "recorded_at": now}])
    return {row["tenant_id"]: row["placement"] for row in rows}


def stock_client(store: Store) -> Any:
    """The stock client on the same tables, for what does not go through the collector."""
    return clickhouse_connect.get_client(  # pyright: ignore[reportUnknownMemberType]  # its keyword arguments are untyped
        interface="chdb",
        path=str(store.home / "data"),
        settings={"log_comment": "writer"},
        chdb_options={"config-file": str(store.home / "engine.xml")},
    )


def collected(store: Store, kind: Kind, options: argparse.Namespace) -> dict[str, Any]:
    """Through the collector: gRPC, spool, load."""
    config = Config.default(store.url)
    queue = replace(config.exporter.sending_queue, queue_size_mib=options.queue_size_mib)
    exporter = replace(
        config.exporter, sending_queue=queue, load_memory_mib=options.load_memory_mib
    )
    with Collector(store, replace(config, exporter=exporter)) as collector:
        collector.refresh()
        with client(collector.grpc_endpoint, kind, store, options) as send:
            cost = Cost()
            report = send()
            if not collector.drain(PATIENCE):
                raise RuntimeError("not everything was loaded in time")
            cpu, wall = cost.seconds()
        segments = collector.stats().loaded_segments
    return {"cpu": cpu, "wall": wall, "segments": segments, **report}


def by_hand(
    store: Store, stock: Any, placements: Mapping[str, str], kind: Kind, options: argparse.Namespace
) -> float:
    """CPU seconds by hand."""
    log = store.home / f"by-hand-{kind}"
    batch = Batch().max_spans
    server = ByHand(stock, placements, batch, fingerprint_keys.parse(KEY), log)
    with client(server.endpoint, kind, store, options) as send:
        cost = Cost()
        send()
        server.stop()
        return cost.seconds()[0]


def native(store: Store, stock: Any, *, in_segments: bool = False) -> float:
    """CPU seconds to insert the rows that the tables hold now, from bytes in the Native format."""
    bodies = [
        (
            table,
            stock.raw_query(
                f"SELECT * FROM {table} WHERE {rows}", fmt="Native", settings=ONE_BLOCK
            ),
        )
        for table in TABLES
        for rows in (segments(store, table) if in_segments else ["true"])
    ]
    empty(store)
    cost = Cost()
    for table, body in bodies:
        stock.raw_insert(table, insert_block=body, fmt="Native", settings=ONE_BLOCK)
    return cost.seconds()[0]


def segments(store: Store, table: str) -> list[str]:
    """The condition of the rows of each segment: they have one time of loading."""
    times = store.rows(f"SELECT DISTINCT toString(loaded_at) AS at FROM {table} ORDER BY at")
    return [f"loaded_at = '{row['at']}'" for row in times]


def empty(store: Store) -> None:
    """Both tables without a row."""
    for table in TABLES:
        store.command(f"TRUNCATE TABLE {table}")


def stored(store: Store) -> dict[str, Any]:
    """A digest of each column of both tables that does not depend on when a span arrived."""
    (spans,) = store.rows(_digest("spans", SPANS))
    (calls,) = store.rows(_digest("calls", CALLS))
    return {f"spans.{name}": digest for name, digest in spans.items()} | {
        f"calls.{name}": digest for name, digest in calls.items()
    }


def _digest(table: str, columns: str) -> str:
    names = [name for name in columns.split() if name != "received_at"]
    digests = (f"sum(cityHash64(span_id, toString({name}))) AS {name}_" for name in names)
    return f"SELECT count() AS rows_, {', '.join(digests)} FROM {table}"


def parts(store: Store) -> dict[str, int]:
    """Parts, rows and bytes on disk of the tables now."""
    (row,) = store.rows(
        "SELECT count() AS parts, sum(bytes_on_disk) AS bytes, sumIf(rows, table = 'spans')"
        " AS spans FROM system.parts WHERE active AND database = currentDatabase()"
        " AND table IN ('spans', 'calls')"
    )
    return row


@contextlib.contextmanager
def watched() -> Generator[list[int]]:
    """The memory of this process in MB, once a second, from the start to the end of the block."""
    held, done = [resident() >> 20] * 2, threading.Event()

    def watch() -> None:
        while not done.wait(1):
            held.append(resident() >> 20)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield held
    finally:
        done.set()
        watching.join()


def peak_mb() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def measured(
    store: Store, placements: Mapping[str, str], kind: Kind, options: argparse.Namespace
) -> dict[str, Any]:
    """One kind of spans, each way once."""
    for table in TABLES:
        store.command(f"SYSTEM STOP MERGES {table}")
    ours = collected(store, kind, options)
    peak, after = peak_mb(), parts(store)
    spans = after["spans"]
    if spans != 512 * len(ours["acknowledged"]):
        raise RuntimeError(f"{spans} spans are stored of {len(ours['acknowledged'])} requests")
    contents = stored(store)
    for table in TABLES:
        store.command(f"SYSTEM START MERGES {table}")
        store.command(f"OPTIMIZE TABLE {table} FINAL")
    merged = parts(store)
    for table in TABLES:
        store.command(f"SYSTEM STOP MERGES {table}")
    stock = stock_client(store)
    insert, in_segments = native(store, stock), native(store, stock, in_segments=True)
    empty(store)
    hand = by_hand(store, stock, placements, kind, options)
    others = stored(store)
    if differing := [name for name, digest in contents.items() if others[name] != digest]:
        raise RuntimeError(f"by hand other rows were stored: {', '.join(differing)}")
    empty(store)
    stock.close()
    return {
        "spans_per_cpu_s": round(spans / ours["cpu"]),
        "vs_hand": round(hand / ours["cpu"], 2),
        "vs_native": round(insert / ours["cpu"], 2),
        "vs_native_in_segments": round(in_segments / ours["cpu"], 2),
        "hand_spans_per_cpu_s": round(spans / hand),
        "native_spans_per_cpu_s": round(spans / insert),
        "bytes_per_span": round(merged["bytes"] / spans, 1),
        "peak_mb": peak,
        "parts": after["parts"],
        "spans": spans,
        "segments": ours["segments"],
        "wall_s": round(ours["wall"], 1),
    }


def overloaded(store: Store, options: argparse.Namespace) -> dict[str, Any]:
    """More than the collector can take: what it refuses, its memory, and what was lost."""
    with watched() as held:
        ours = collected(store, "raw", options)
    middle = len(held) // 2
    acknowledged: list[str] = ours["acknowledged"]
    stored = {
        row["sha256"]: row["spans"]
        for row in store.rows(
            "SELECT lower(hex(request_sha256)) AS sha256, count() AS spans FROM spans GROUP BY 1"
        )
    }
    loaded = 512 * len(acknowledged) / ours["wall"]
    return {
        "offered": 512 * ours["offered"],
        "acknowledged": 512 * len(acknowledged),
        "refused_requests": ours["offered"] - len(acknowledged),
        "offered_over_loaded": round(512 * ours["offered"] / options.seconds / loaded, 1),
        "loaded_per_s": round(loaded),
        "lost": sum(512 - stored.get(digest, 0) for digest in acknowledged),
        "doubled": sum(max(0, count - 512) for count in stored.values()),
        "peak_mb": peak_mb(),
        "peak_mb_by_half": [max(held[:middle]), max(held[middle:])],
        "wall_s": round(ours["wall"]),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--spans", type=int, help="of each kind; by default 450,000 taken and 150,000 raw"
    )
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument(
        "--pools", type=int, default=0, help="let all tenants share so many partitions"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=("taken", "raw"), default=["taken", "raw"])
    parser.add_argument("--keep", type=Path, help="a folder that keeps the requests for later runs")
    parser.add_argument("--overload", action="store_true")
    parser.add_argument(
        "--queue-size-mib", type=int, default=4096, help="as the key of the exporter"
    )
    parser.add_argument(
        "--load-memory-mib", type=int, default=0, help="as the key of the exporter; 0 is a quarter"
    )
    parser.add_argument("--seconds", type=float, default=20, help="of overload")
    options = parser.parse_args(argv)
    os.environ["PARTYWALL_FINGERPRINT_KEY"] = KEY
    with (
        tempfile.TemporaryDirectory(prefix="partywall-ingest-") as folder,
        new_store(Path(folder)) as store,
    ):
        placements = register(store, options.tenants, options.pools)
        if options.overload:
            result = overloaded(store, options)
        else:
            kinds = {kind: measured(store, placements, kind, options) for kind in options.kinds}
            for kind, figures in kinds.items():
                print(kind, json.dumps(figures), file=sys.stderr)
            result = {**kinds.get("taken", {}), "tenants": options.tenants}
            result |= {"raw": kinds["raw"]} if "raw" in kinds else {}
    print(json.dumps(result))
    return 1 if result.get("lost") or result.get("doubled") else 0


if __name__ == "__main__":
    raise SystemExit(main())
