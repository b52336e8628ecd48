"""Runs the product over a folder of labelled traces and writes what it found, to be scored.

    python benchmarks/chains.py FOLDER --out predictions.jsonl

The folder's catalogue becomes a registry, its `traces*.binpb.gz` go over the wire to a collector of
this process, the analyzer runs, and each unauthorised finding becomes a prediction: a line
`{"trace_id": ..., "calls": [span ids], "sources": {span id: [span ids]}}`. No label is read before
the predictions are made; a folder with `labels.jsonl` then has figures: with Wilson intervals,
strict ones, of variants of the recorded facts, and by proof grade. `--adaptive` runs it again with
attackers who also write into fields. The last line on stdout is one JSON object.
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

import chain_figures
from adaptive import write_attacked
from catalogue import NotABenchmark, registry_lines, requests_of, with_result_fields
from chain_variants import Recorded
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall.conventions import ARGUMENTS, TOOL_NAME
from partywall_analyzer.engine import analyze
from partywall_analyzer.model import Finding, Verdict
from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.otlp_files import DamagedFile, OtlpFile
from partywall_collector.otlp_sender import HttpTransport
from partywall_collector.registry.load import RegistryRefused, load, write
from partywall_collector.registry.model import ANY, Principal
from partywall_collector.replaying import Summary, Target, replay
from partywall_collector.store import Store, StoreError, open_store
from partywall_collector.store.facade import serve

SENDER = "benchmark"
RESULT_FIELDS = Path(__file__).parent / "result_fields.yaml"


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
            if options.adaptive:
                result["adaptive"] = run_attacked(options.folder, Path(scratch))
    except (NotABenchmark, DamagedFile, RegistryRefused, StoreError) as error:
        print(f"chains: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 0


def run(
    folder: Path, out: Path, *, registry: Path, store: str, rules: Path | None = None
) -> dict[str, Any]:
    """Replay, analyze, write the predictions; return the counts, and figures if it has labels.

    `rules` is a registry file that says which fields of the tools' results outsiders write.
    """
    files = [OtlpFile(path) for path in sorted(folder.glob("traces*.binpb.gz"))]
    if not files:
        raise NotABenchmark(f"{folder} has no traces*.binpb.gz")
    lines = registry_lines(folder, tools_of(files))
    if rules:
        lines = with_result_fields(lines, rules)
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
        ended = time.monotonic()
        findings = [f for f in analysis.findings if f.verdict is Verdict.UNAUTHORISED]
        predictions = list(_predictions(findings))
        figures = _figures(folder, opened, findings)
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
        **figures,
    }


def run_attacked(folder: Path, scratch: Path) -> dict[str, Any]:
    """Run the folder with its attacks altered, once without and once with rules for results."""
    attacked = scratch / "attacked"
    attacked.mkdir()
    count = write_attacked(folder, attacked)
    _say(f"{count:,} attacked traces altered")
    return {
        "altered": count,
        "without rules": _headline(attacked, scratch, None),
        "with rules": _headline(attacked, scratch, RESULT_FIELDS),
        "with rules, attacks unaltered": _headline(folder, scratch, RESULT_FIELDS),
    }


def _headline(folder: Path, scratch: Path, rules: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        place = Path(name)
        out, registry, store = place / "out.jsonl", place / "registry.jsonl", f"chdb://{place}/home"
        ran = run(folder, out, registry=registry, store=store, rules=rules)
    return chain_figures.headline(ran["figures"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chains.py",
        description="Run the product over a folder of labelled traces; write predictions.",
        epilog="example: python benchmarks/chains.py benchmark/agents --out predictions.jsonl",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="catalogue, records and traces")
    parser.add_argument("--out", type=Path, required=True, help="where the predictions go")
    parser.add_argument(
        "--adaptive",
        action="store_true",
        help="also run with attackers who write into fields of records (takes the labels)",
    )
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


def _predictions(findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    """One line a trace: the crossing calls, and for each the calls where its data came from."""
    calls: defaultdict[str, dict[str, dict[str, None]]] = defaultdict(dict)
    for finding in findings:
        for ref in finding.calls:
            named = calls[ref.trace_id].setdefault(ref.span_id, {})
            named.update((source.span_id, None) for source in finding.sources if source != ref)
    for trace, spans in calls.items():
        sources = {span: list(named) for span, named in spans.items() if named}
        yield {"trace_id": trace, "calls": list(spans), "sources": sources}


def _figures(folder: Path, store: Store, findings: Sequence[Finding]) -> dict[str, Any]:
    """What the labels of the folder say of the findings, and of variants of what was recorded."""
    labels = chain_figures.read_labels(folder)
    if not labels or "origin" not in labels[0]:
        return {}
    graded: defaultdict[str, dict[str, str]] = defaultdict(dict)
    named: defaultdict[str, set[str]] = defaultdict(set)
    for finding in findings:
        for ref in finding.calls:
            graded[ref.trace_id][ref.span_id] = finding.proof.value
            named[ref.span_id].update(source.span_id for source in finding.sources)
    recorded = Recorded(store, requests_of(folder))
    again, seconds = recorded.flagged()
    variants = {
        "facts alone": again,
        "10 % of results missing": recorded.without_results(0.1),
        "30 % of results missing": recorded.without_results(0.3),
        "without the action words of one tenant alone": recorded.without_words(),
    }
    by_slice = chain_figures.by_slice
    strict = by_slice(labels, graded, strict=True)
    return {
        "figures": by_slice(labels, graded),
        "strict": chain_figures.headline(strict),
        "variants": {
            name: chain_figures.headline(by_slice(labels, flagged))
            for name, flagged in variants.items()
        },
        "sources": chain_figures.sources(labels, named),
        "by_grade": chain_figures.by_grade(labels, graded),
        "judged_traces_per_cpu_s": round(len(recorded.runs) / seconds) if seconds else 0,
    }


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
