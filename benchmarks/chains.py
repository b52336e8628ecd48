"""Runs the product over a folder of labelled traces and writes what it found, to be scored.

    python benchmarks/chains.py FOLDER --out predictions.jsonl

The folder's catalogue becomes a registry, its `traces*.binpb.gz` go over the wire to a collector of
this process, the analyzer runs, and each unauthorised finding becomes a prediction: a line
`{"trace_id": ..., "calls": [span ids], "sources": {span id: [span ids]}}`. Labels are never read.
The last line on stdout is one JSON object.
"""

import argparse
import hashlib
import json
import secrets
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from catalogue import NotABenchmark, registry_lines
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall.conventions import ARGUMENTS, TOOL_NAME
from partywall.request import RequestFacts
from partywall_analyzer.engine import analyze
from partywall_analyzer.introduction import CallFacts, source_calls
from partywall_analyzer.model import Finding, Verdict
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.otlp_files import DamagedFile, OtlpFile
from partywall_collector.otlp_sender import HttpTransport
from partywall_collector.registry import Registry
from partywall_collector.registry.load import RegistryRefused, load, write
from partywall_collector.registry.model import ANY, Principal
from partywall_collector.replaying import Summary, Target, replay
from partywall_collector.store import Store, StoreError, open_store, statement
from partywall_collector.store.facade import serve

SENDER = "benchmark"
SESSIONS_AT_ONCE = 400


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parser().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="partywall-chains-") as scratch:
            result = run(
                options.folder,
                options.out,
                registry=options.registry_out or Path(scratch) / "registry.jsonl",
                store=options.store or f"chdb://{scratch}/home",
            )
    except (NotABenchmark, DamagedFile, RegistryRefused, StoreError) as error:
        print(f"chains: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 0


def run(folder: Path, out: Path, *, registry: Path, store: str) -> dict[str, Any]:
    """Replay, analyze, write the predictions; return the counts."""
    files = [OtlpFile(path) for path in sorted(folder.glob("traces*.binpb.gz"))]
    if not files:
        raise NotABenchmark(f"{folder} has no traces*.binpb.gz")
    lines = registry_lines(folder, tools_of(files))
    registry.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    begun = time.monotonic()
    _say(f"{len(lines):,} registry entries")
    with open_store(store, role="owner") as opened:
        load([registry], opened)
        loaded = time.monotonic()
        summary = send(files, opened)
        replayed = time.monotonic()
        _say(f"{summary.read_spans:,} spans replayed in {replayed - loaded:.1f} s")
        analysis = analyze(opened)
        findings = [f for f in analysis.findings if f.verdict is Verdict.UNAUTHORISED]
        predictions = list(_predictions(opened, findings))
        ended = time.monotonic()
    out.write_text("".join(f"{json.dumps(line)}\n" for line in predictions), "utf-8")
    return {
        "traces": summary.traces,
        "spans": sum(summary.accepted.values()),
        "quarantined": sum(summary.quarantined.values()),
        "findings": len(analysis.findings),
        "verdicts": dict(Counter(f"{f.rule} {f.verdict.value}" for f in analysis.findings)),
        "flagged": len(predictions),
        "seconds": round(ended - begun, 2),
        "replay_seconds": round(replayed - loaded, 2),
        "analysis_seconds": round(ended - replayed, 2),
        "traces_per_s": round(summary.traces / (ended - loaded), 1),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chains.py",
        description="Run the product over a folder of labelled traces; write predictions.",
        epilog="example: python benchmarks/chains.py benchmark/agents --out predictions.jsonl",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="catalogue, records and traces")
    parser.add_argument("--out", type=Path, required=True, help="where the predictions go")
    parser.add_argument("--registry-out", type=Path, help="keep the registry, .jsonl")
    parser.add_argument("--store", help="keep the store: chdb:///path or clickhouse://...")
    parser.add_argument(
        "--json", action="store_true", help="accepted; the last line is JSON anyway"
    )
    return parser


def send(files: Sequence[OtlpFile], store: Store) -> Summary:
    """Send the files over OTLP/HTTP to a collector of our own, and wait until all is loaded."""
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    write([Principal(id=SENDER, tenants=(ANY,), token_sha256=digest)], store)
    with ExitStack() as running:
        if store.url.startswith("chdb:"):
            running.enter_context(serve(store))
        collector = running.enter_context(Collector(store, Config.default(store.url)))
        return replay(
            files,
            Target(
                lambda: HttpTransport(collector.http_endpoint, token),
                finish=collector.drain,
                store=store,
                principal=SENDER,
            ),
        )


def _predictions(store: Store, findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    """One line a trace: the crossing calls, and for each the calls where its data came from."""
    calls: defaultdict[str, dict[str, None]] = defaultdict(dict)
    named: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for finding in findings:
        for ref in finding.calls:
            calls[ref.trace_id][ref.span_id] = None
            for source in finding.sources:
                if source != ref and finding.rule != "foreign-party":
                    named[ref.span_id][source.span_id] = None
    facts = _facts(store, calls)
    requests = {
        session.request: RequestFacts.from_json(session.facts)
        for session in Registry.read(store).sessions
    }
    asked = {
        ref.trace_id: requests.get(finding.request_id)
        for finding in findings
        for ref in finding.calls
    }
    for trace, spans in calls.items():
        sources: dict[str, list[str]] = {}
        for span in spans:
            found = [*named[span], *_sources(facts.get(trace, []), span, asked[trace])]
            if found:
                sources[span] = list(dict.fromkeys(found))
        yield {"trace_id": trace, "calls": list(spans), "sources": sources}


def _sources(calls: Sequence[CallFacts], span: str, request: RequestFacts | None) -> Iterator[str]:
    for at, call in enumerate(calls):
        if call.ref[1] == span:
            yield from (source.call.ref[1] for source in source_calls(calls[:at], call, request))


def _facts(store: Store, traces: Iterable[str]) -> dict[str, list[CallFacts]]:
    """The calls of the flagged traces, in time order."""
    sql = statement("partywall_analyzer.sql", "calls_of_sessions")
    by_trace: defaultdict[str, list[CallFacts]] = defaultdict(list)
    wanted = set(traces)
    sessions = store.rows(
        "SELECT DISTINCT tenant_id, session_id FROM calls "
        "WHERE lower(hex(trace_id)) IN {traces:Array(String)}",
        {"traces": sorted(wanted)},
    )
    for first in range(0, len(sessions), SESSIONS_AT_ONCE):
        batch = sessions[first : first + SESSIONS_AT_ONCE]
        parameters = {
            "tenants": sorted({row["tenant_id"] for row in batch}),
            "sessions": sorted({row["session_id"] for row in batch}),
        }
        for row in store.rows(sql, parameters):
            if row["trace_id"] in wanted:
                by_trace[row["trace_id"]].append(CallFacts.from_row(row))
    return by_trace


def tools_of(files: Iterable[OtlpFile]) -> set[tuple[str, frozenset[str]]]:
    """The tools in the traces, each with all argument names that its calls had."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for file in files:
        for request in OtlpFile(file.path).requests():
            message = ExportTraceServiceRequest.FromString(request.body)
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        given = {a.key: a.value.string_value for a in span.attributes}
                        tool = _first(given, TOOL_NAME)
                        if tool:
                            seen[tool].update(_argument_names(_first(given, ARGUMENTS)))
    return {(tool, frozenset(names)) for tool, names in seen.items()}


def _first(given: dict[str, str], names: Iterable[str]) -> str:
    return next((given[name] for name in names if given.get(name)), "")


def _argument_names(text: str) -> Iterable[str]:
    try:
        arguments: Any = json.loads(text)
    except ValueError:
        return ()
    return list(cast("dict[str, Any]", arguments)) if isinstance(arguments, dict) else ()


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
