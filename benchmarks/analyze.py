"""Measures the analysis of millions of spans: cold, against a naive graph, by ticks, and look-ups.

    python benchmarks/analyze.py --sizes 1000000,5000000 --naive 1000000

Each step runs in a process of its own over a seeded store, so that nothing is warm and the peak of
memory is its own; only the ticks share one, as those of `partywall up` do, and the first is told
apart. A step that fills ends when the engine has merged what came, as it does while spans pour in:
what is measured is the analysis, not what was left of the load. With --keep the filled stores stay,
and later runs measure copies of them. The last line on stdout is one JSON object; a figure that was
not measured is null.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from partywall_analyzer import OPERATOR, analyze, who
from partywall_analyzer.generator.bulk import Size, add, fill
from partywall_collector.store import Store, open_store

NEW = 10_048
PER_SESSION = 84
TICKS = 4
ASKED = 40
QUIET = 5
PLANTED = "planted.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, or one step of it in this process."""
    options = _parser().parse_args(argv)
    if options.step:
        print(json.dumps(STEPS[options.step](options)))
        return 0
    result: dict[str, Any] = dict.fromkeys(
        ("spans_per_s_1m", "spans_per_s_5m", "vs_naive_1m", "tick_10k_s", "who_p95_ms", "peak_mb")
    )
    with tempfile.TemporaryDirectory(prefix="partywall-analyze-") as scratch:
        for size in sorted(int(text) for text in options.sizes.split(",")):
            home = Path(scratch) / f"of-{size}"
            _filled(home, size, options)
            cold = _step("cold", home, size, options)
            name = f"{size / 1e6:g}m"
            result[f"spans_per_s_{name}"] = round(size / cold["seconds"])
            result[f"cpu_s_{name}"] = cold["cpu"]
            result[f"missed_{name}"] = cold["missed"]
            result["peak_mb"] = cold["peak_mb"]
            if options.naive == size:
                naive = _step("naive", home, size, options)
                result[f"vs_naive_{name}"] = round(naive["seconds"] / cold["seconds"], 1)
                result[f"naive_cpu_s_{name}"] = naive["cpu"]
                result[f"naive_peak_mb_{name}"] = naive["peak_mb"]
            result |= _step("tick", home, size, options) | _step("who", home, size, options)
    print(json.dumps(result))
    return 0


def _filled(home: Path, size: int, options: argparse.Namespace) -> None:
    """Fill a store, or copy one that was kept."""
    kept = options.keep / f"{size}-{options.seed}" if options.keep else None
    if kept and (kept / PLANTED).exists():
        shutil.copytree(kept, home, symlinks=True)
        return
    _step("fill", home, size, options)
    if kept:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(home, kept, symlinks=True)


def _fill(options: argparse.Namespace) -> dict[str, Any]:
    size = Size(spans=options.size, each=max(5, options.size // 10_000), seed=options.seed)
    with _store(options) as store:
        planted = fill(store, size)
        _settle(store)
    (Path(options.home) / PLANTED).write_text(json.dumps(planted), "utf-8")
    return {"planted": len(planted)}


def _settle(store: Store) -> None:
    """Wait until the engine has nothing to merge any more."""
    quiet = 0
    while quiet < QUIET:
        time.sleep(1)
        merging = store.rows("SELECT count() AS n FROM system.merges")[0]["n"]
        quiet = 0 if merging else quiet + 1


def _cold(options: argparse.Namespace) -> dict[str, Any]:
    with _store(options) as store:
        made, took = _timed(lambda: analyze(store, whole=True))
    found = {(each.rule, each.from_tenant, each.to_tenant, each.subject) for each in made.findings}
    planted = json.loads((Path(options.home) / PLANTED).read_text("utf-8"))
    missed = sum(tuple(each[:4]) not in found for each in planted)
    return took | {"missed": missed, "findings": len(made.findings)}


def _tick(options: argparse.Namespace) -> dict[str, Any]:
    """Ticks of new spans in sessions that are there: the first, and the best of those after it."""
    size = Size(spans=NEW, seed=options.seed)
    took: list[dict[str, Any]] = []
    with _store(options) as store:
        for number in range(TICKS):
            first = (options.size // 64 + 1_000 * (number + 1)) * 64
            add(store, size, first=first, spread=options.size // PER_SESSION)
            made, seconds = _timed(lambda: analyze(store))
            if made.whole:
                raise SystemExit(f"a tick over {options.size:,} spans opened all of them")
            took.append(seconds | {"opened": made.spans})
        _settle(store)
    best = min(took[1:], key=lambda each: each["seconds"])
    return {
        "tick_10k_s": best["seconds"],
        "tick_cpu_s": best["cpu"],
        "tick_opened": best["opened"],
        "tick_first_s": took[0]["seconds"],
        "tick_first_cpu_s": took[0]["cpu"],
        "tick_peak_mb": took[-1]["peak_mb"],
    }


def _who(options: argparse.Namespace) -> dict[str, Any]:
    with _store(options) as store:
        rows = store.rows(
            "SELECT identity, credential_id, lower(hex(trace_id)) AS trace, tenant_id, request_id, "
            "datasets.id[1] AS dataset "
            "FROM calls WHERE cityHash64(span_id) % 1000 = 7 LIMIT {n:UInt32}",
            {"n": ASKED},
        )
        who(store, OPERATOR, tenant="t1", limit=1)
        times: list[float] = []
        took: list[float] = []
        for row in rows:
            keys: list[dict[str, Any]] = [
                {"trace": row["trace"]},
                {"credential": row["credential_id"]},
                {"identity": row["identity"]},
                {"tenant": row["tenant_id"]},
                {"request": row["request_id"]},
                {"dataset": row["dataset"]},
                {"party": f"{row['request_id']}@nowhere.example"},
            ]
            for key in keys:
                begun, cpu = time.perf_counter(), time.process_time()
                who(store, OPERATOR, **key, limit=20)
                times.append(1_000 * (time.perf_counter() - begun))
                took.append(1_000 * (time.process_time() - cpu))
    return {
        "who_p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
        "who_cpu_p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
    }


def _naive(options: argparse.Namespace) -> dict[str, Any]:
    """What one would write first: every call, session, dataset and value in one graph, and walks.

    It knows foreign datasets, hand-offs, flows within a session and shared credentials; it has no
    relay, no registry but the owners, no verdict and no witness.
    """
    import gc

    import networkx as nx

    gc.disable()
    with _store(options) as store:
        begun = time.monotonic()
        spans = store.rows(
            "SELECT tenant_id, session_id, hex(trace_id) AS trace, hex(span_id) AS span, "
            "hex(parent_span_id) AS parent FROM spans"
        )
        calls = store.rows(
            "SELECT tenant_id, session_id, hex(span_id) AS span, credential_id, operation, "
            "datasets.id AS names, values_in, values_out, toUnixTimestamp64Nano(start_time) AS at "
            "FROM calls"
        )
    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for row in spans:
        graph.add_node(row["span"], tenant=row["tenant_id"])
        graph.add_edge(("session", row["session_id"]), row["span"], kind="ran")
        if row["parent"] != "0" * 16:
            graph.add_edge(row["parent"], row["span"], kind="called")
    for row in calls:
        graph.add_node(row["span"], at=row["at"], act=row["operation"])
        graph.add_edge(row["span"], ("credential", row["credential_id"]), kind="used")
        for name in row["names"]:
            graph.add_edge(row["span"], ("dataset", name), kind=row["operation"])
        for value in row["values_out"]:
            graph.add_edge(row["span"], ("value", value), kind="out")
        for value in row["values_in"]:
            graph.add_edge(("value", value), row["span"], kind="in")
    found = sum(1 for _ in _walks(graph))
    seconds = round(time.monotonic() - begun, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": seconds, "cpu": round(time.process_time(), 2), "peak_mb": peak, "n": found}


def _walks(graph: Any) -> Any:
    def owner(name: str) -> str:
        kind, _, rest = name.partition("/")
        return f"t{rest.partition('/')[0]}" if kind == "crm" else ""

    tenants = graph.nodes(data="tenant")
    for node, data in graph.nodes(data=True):
        if not isinstance(node, str):
            if node[0] == "credential":
                users = {tenants[span] for span, _ in graph.in_edges(node)}
                yield from sorted(users)[1:]
            continue
        for _, other, kind in graph.out_edges(node, data="kind"):
            if kind == "called" and tenants[other] != data.get("tenant"):
                yield node, other
            elif not isinstance(other, str) and other[0] == "dataset":
                whose = owner(other[1])
                if whose and whose != data.get("tenant"):
                    yield node, other
            elif kind == "out":
                for _, sink in graph.out_edges(other):
                    yield from _flow(graph, node, sink, owner)


def _flow(graph: Any, source: Any, sink: Any, owner: Callable[[str], str]) -> Any:
    def session(span: Any) -> Any:
        return next((a for a, _, k in graph.in_edges(span, data="kind") if k == "ran"), None)

    def owners(span: Any) -> set[str]:
        ends: list[Any] = [b for _, b in graph.out_edges(span) if not isinstance(b, str)]
        return {owner(end[1]) for end in ends if end[0] == "dataset"} - {""}

    if graph.nodes[source]["at"] <= graph.nodes[sink]["at"] and session(source) == session(sink):
        for one in owners(source):
            yield from ((source, sink, one, other) for other in owners(sink) - {one})


def _timed(run: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    begun, cpu = time.monotonic(), time.process_time()
    made = run()
    return made, {
        "seconds": round(time.monotonic() - begun, 3),
        "cpu": round(time.process_time() - cpu, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _store(options: argparse.Namespace) -> Store:
    return open_store(f"chdb://{options.home}", role="owner")


def _step(name: str, home: Path, size: int, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--step", name, "--home", str(home), "--size", str(size)]
    done = subprocess.run(
        [*command, "--seed", str(options.seed)], check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{name} of {size:,} spans: {result}", file=sys.stderr)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="100000", help="how many spans, with commas between")
    parser.add_argument("--naive", type=int, default=100_000, help="at which size, 0 for none")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="a folder for stores that later runs measure")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    return parser


STEPS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "fill": _fill,
    "cold": _cold,
    "tick": _tick,
    "who": _who,
    "naive": _naive,
}

if __name__ == "__main__":
    sys.exit(main())
