"""Measures what taking the facts costs for the tool spans of a folder of traces.

    python benchmarks/extraction.py FOLDER

Each tool span of the folder's `traces*.binpb.gz` is exported once in the order of the files, as our
SDK exports it, and once without arguments and result. What the first costs more is the extraction:
fingerprints, whom a result brings in, the words of its records, datasets and parties by the
registry's rules for tools. Texts that come again, as those of another span of the same call do, are
remembered as they are in an agent. The figures are CPU time of one thread; the last line on stdout
is one JSON object.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from catalogue import NotABenchmark, registry_lines
from chains import tools_of
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import SpanContext
from overhead import Nowhere

from partywall import conventions
from partywall.exporting import outgoing
from partywall_collector.otlp_files import DamagedFile, OtlpFile

CONTENT = frozenset((*conventions.ARGUMENTS, *conventions.RESULT))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parser().parse_args(argv)
    try:
        files = [OtlpFile(path) for path in sorted(options.folder.glob("traces*.binpb.gz"))]
        tools = [
            {key: value for key, value in line.items() if key != "kind"}
            for line in registry_lines(options.folder, tools_of(files))
            if line["kind"] == "tool"
        ]
        spans = list(tool_spans(files))
    except (NotABenchmark, DamagedFile) as error:
        print(f"extraction: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="partywall-extraction-") as scratch:
        rules = Path(scratch) / "tools.json"
        rules.write_text(json.dumps({"tools": tools}), "utf-8")
        os.environ["PARTYWALL_TOOLS"] = str(rules)
        os.environ["PARTYWALL_FINGERPRINT_KEY"] = "5a" * 32
        exporter = outgoing(Nowhere())
        exporter.export(spans[:1])
        bare = [without_content(span) for span in spans]
        gc.disable()
        plain = statistics.fmean(microseconds(exporter, bare))
        costs = [cost - plain for cost in microseconds(exporter, spans)]
    sizes = [
        sum(len(str((span.attributes or {}).get(name, ""))) for name in CONTENT) for span in spans
    ]
    hundredths = statistics.quantiles(costs, n=100)
    result = {
        "tool_spans": len(spans),
        "mean_characters": round(statistics.fmean(sizes)),
        "extraction_us": round(statistics.fmean(costs), 1),
        "extraction_p50_us": round(hundredths[49], 1),
        "extraction_p95_us": round(hundredths[94], 1),
        "us_per_1000_characters": round(1_000 * sum(costs) / max(1, sum(sizes)), 1),
    }
    print(json.dumps(result))
    return 0


def tool_spans(files: Sequence[OtlpFile]) -> Iterator[ReadableSpan]:
    """The tool spans of some files, as the SDK would have ended them."""
    for file in files:
        for request in file.requests():
            message = ExportTraceServiceRequest.FromString(request.body)
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        said = {a.key: a.value.string_value for a in span.attributes}
                        if conventions.step(span.name, said) == "tool":
                            yield made(span.name, said, span.trace_id, span.span_id)


def made(name: str, said: Mapping[str, str], trace: bytes, span: bytes) -> ReadableSpan:
    """An ended span."""
    context = SpanContext(int.from_bytes(trace), int.from_bytes(span), is_remote=False)
    return ReadableSpan(name, context, attributes=said, start_time=1, end_time=2)


def without_content(span: ReadableSpan) -> ReadableSpan:
    """The same span without arguments and result."""
    said = {k: v for k, v in (span.attributes or {}).items() if k not in CONTENT}
    return ReadableSpan(span.name, span.context, attributes=said, start_time=1, end_time=2)


def microseconds(exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> list[float]:
    """CPU time of the export of each span."""
    took: list[float] = []
    for span in spans:
        begun = time.thread_time_ns()
        exporter.export((span,))
        took.append((time.thread_time_ns() - begun) / 1_000)
    return took


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="extraction.py",
        description="Measure what taking the facts costs for the tool spans of a folder of traces.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="catalogue, records and traces")
    return parser


if __name__ == "__main__":
    sys.exit(main())
