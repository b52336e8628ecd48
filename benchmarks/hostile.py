"""Measures what input costs that a tenant may send: a huge trace, a session without end, hot keys.

    python benchmarks/hostile.py --scale 1

Each case loads its calls beside a seeded store of 100,000 spans, then 100 spans more, and measures
the ticks that follow. `--scale 0.1` makes the cases ten times smaller: what then costs a tenth is
linear. The last line on stdout is one JSON object of CPU seconds, of what was opened, and of the
peak of memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from partywall_analyzer import analyze
from partywall_analyzer.generator.bulk import Size, fill
from partywall_collector.registry import DatasetOwner
from partywall_collector.registry.load import write
from partywall_collector.store import Store, open_store

BASE: Final = 100_000
LATER: Final = 100

SPANS: Final = """
INSERT INTO spans (tenant_id, placement, session_id, request_id, trace_id, span_id, parent_span_id,
    start_time, end_time, received_at, name, step, agent, identity, principal, attestation)
SELECT tenant_id, 'pool-00', session_id, session_id, trace_id, span_id, parent_span_id,
    start_time, end_time, end_time, 'execute_tool read', 'tool', 'agent', identity, 'p', 'A1'
FROM ({calls})
"""
CALLS: Final = """
INSERT INTO calls (tenant_id, placement, session_id, request_id, trace_id, span_id, parent_span_id,
    start_time, end_time, received_at, step, tool, agent, identity, credential_id, operation,
    datasets, values_in, values_out, principal, attestation)
SELECT tenant_id, 'pool-00', session_id, session_id, trace_id, span_id, parent_span_id,
    start_time, end_time, end_time, 'tool', 'tool', 'agent', identity, 'cred', act,
    [(dataset, act)], if(act = 'write', [value], []), if(act = 'read', [value], []), 'p', 'A1'
FROM ({calls})
"""
NUMBERED: Final = """
SELECT
    {tenant} AS tenant_id, {session} AS session_id, sipHash128('bad', {trace}) AS trace_id,
    reinterpretAsFixedString(cityHash64('bad', number)) AS span_id,
    if({parent} < 0, toFixedString('', 8),
        reinterpretAsFixedString(cityHash64('bad', toUInt64({parent})))) AS parent_span_id,
    toDateTime64('2026-03-05 09:00:00', 9, 'UTC') + toIntervalMillisecond(number * 10)
        AS start_time,
    start_time + toIntervalMillisecond(5) AS end_time,
    concat('spiffe://', tenant_id) AS identity,
    if(number % 2 = 0, 'read', 'write') AS act, {dataset} AS dataset, {value} AS value
FROM numbers({first}, {count})
"""


def case(**columns: str) -> dict[str, str]:
    """The columns of a case, over `number`; what is not said is one tenant's ordinary session."""
    usual = {
        "tenant": "'t1'",
        "session": "'bad'",
        "trace": "intDiv(number, 20)",
        "parent": "if(number % 20 = 0, -1, toInt64(number) - 1)",
        "dataset": "concat('crm/1/', toString(number % 40))",
        "value": "cityHash64('bad value', intDiv(number, 2))",
    }
    return usual | columns


CASES: Final = {
    "a trace of 200,000 spans, one of them at foreign data": (
        200_000,
        case(
            trace="0",
            parent="toInt64(number) - 1 - toInt64(number % 7)",
            dataset="if(number = 5000, 'crm/2/1', concat('crm/1/', toString(number % 40)))",
        ),
    ),
    "a session of 1,000,000 calls, one of them at foreign data": (
        1_000_000,
        case(dataset="if(number = 5000, 'crm/2/1', concat('crm/1/', toString(number % 40)))"),
    ),
    "a shared dataset that 500 tenants read and write 100,000 times": (
        100_000,
        case(
            tenant="concat('t', toString(intDiv(number, 20) % 500))",
            session="concat('bad', toString(intDiv(number, 20) % 5000))",
            dataset="'scratch/1'",
            value="cityHash64('bad value', number % 20000)",
        ),
    ),
    "a value that 50 tenants hold in 100,000 calls": (
        100_000,
        case(
            tenant="concat('t', toString(intDiv(number, 20) % 50))",
            session="concat('bad', toString(intDiv(number, 20) % 5000))",
            dataset="concat('crm/', substring(tenant_id, 2), '/1')",
            value="cityHash64('sprayed')",
        ),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run every case in a process of its own, or one of them in this process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="how large, of the full cases")
    parser.add_argument("--case", choices=(*CASES, REGISTRY), help="only this one")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.here:
        print(json.dumps(_measured(options.case, options.scale, Path(options.here))))
        return 0
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="partywall-hostile-") as scratch:
        for number, name in enumerate([options.case] if options.case else (*CASES, REGISTRY)):
            command = [sys.executable, __file__, "--case", name, "--scale", str(options.scale)]
            done = subprocess.run(
                [*command, "--here", f"{scratch}/{number}"],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            told[name] = json.loads(done.stdout.strip().splitlines()[-1])
            print(f"{name}: {told[name]}", file=sys.stderr)
    print(json.dumps(told))
    return 0


REGISTRY: Final = "the owner of every dataset changes between two ticks"


def _measured(name: str, scale: float, home: Path) -> dict[str, Any]:
    with open_store(f"chdb://{home}", role="owner") as store:
        size = Size(spans=round(BASE * scale) if name == REGISTRY else BASE, each=5)
        fill(store, size)
        analyze(store)
        if name == REGISTRY:
            numbers = range(size.tenants)
            write(
                [DatasetOwner(pattern=f"crm/{n}/*", owner=f"t{n - 1}") for n in numbers[1:]], store
            )
            return {"changed": _tick(store), "peak_mb": _peak()}
        full, columns = CASES[name]
        count = round(full * scale) // 20 * 20
        _load(store, columns, 0, count)
        came = _tick(store)
        _load(store, columns, count, LATER)
        later = _tick(store)
        write([DatasetOwner(pattern="crm/2/*", owner="t3")], store)
        return {"came": came, "later": later, "owner_changed": _tick(store), "peak_mb": _peak()}


def _load(store: Store, columns: dict[str, str], first: int, count: int) -> None:
    calls = NUMBERED.format(**columns, first=first, count=count)
    for statement in (SPANS, CALLS):
        store.command(statement.format(calls=calls))


def _tick(store: Store) -> dict[str, Any]:
    cpu = time.process_time()
    made = analyze(store)
    return {
        "cpu_s": round(time.process_time() - cpu, 2),
        "whole": made.whole,
        "spans": made.spans,
        "new": len(made.new),
        "changed": len(made.changed),
        "withdrawn": len(made.withdrawn),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
