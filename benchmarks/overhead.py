"""What binding costs: CPU time of a span on top of a bare OpenTelemetry span, and of fingerprints.

    uv run python benchmarks/overhead.py

All variants run in turn in every round, in an order that changes, and each is compared with the
bare spans of its own round; the figures are medians over the rounds. `added_us` is what binding
adds where the span is made, `peer_us` what OpenInference adds there for its own session, user and
metadata, `export_us` what is added in the background when the span is exported (datasets, parties,
content taken out), `total_us` both together, paired in the same rounds, `facts_us` the export of a
tool call with a result of 1 kB under a key (fingerprints, whom the result brings in), `huge_us` the
same with a result of 10 MB, `fingerprint_us` the fingerprints of a record of 20 fields. The last
line is JSON.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import (
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Tracer

import partywall
from partywall import fingerprints
from partywall.exporting import ATTRIBUTE_LIMIT, outgoing
from partywall.fingerprint_keys import in_force
from partywall.processor import SessionProcessor

ATTRIBUTES: Final = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "read_invoice",
    "gen_ai.tool.type": "function",
    "gen_ai.tool.call.id": "call-1",
    "gen_ai.agent.name": "billing",
}
"""What a framework puts on a tool span."""

CALL: Final = ATTRIBUTES | {
    "gen_ai.tool.call.arguments": json.dumps({"customer": "acme", "folder": "inbox"}),
    "gen_ai.tool.call.result": json.dumps(
        [
            {
                "from": f"p{number}@acme.example",
                "subject": "Delivery note and invoice",
                "body": "Please find the delivery note attached, it is due at the end of May.",
                "date": "2026-05-15",
            }
            for number in range(5)
        ]
    ),
}
"""A tool call that lists five messages: 1 kB."""

HUGE: Final = CALL | {"gen_ai.tool.call.result": "Ann wrote to p.hansen@acme.example. " * 290_000}
"""A result of 10 MB."""

RECORD: Final = {f"field_{n}": f"value {n} of a record" for n in range(12)} | {
    "email": "p.hansen@acme.example",
    "cc": "billing@fjord.example",
    "iban": "DE89370400440532013000",
    "phone": "+49 30 901820",
    "site": "https://acme.example/invoices/2026-0041",
    "order": "3f2b8c1e-9d4a-4c57-8f6e-2a1b0c9d8e7f",
    "token": "tok_9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "total": 1249.5,
}
"""Twenty fields, seven of which hold an identifier."""

Work = Callable[[int], None]


class Nowhere(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=3_000, help="spans of a variant in a round")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(argv)
    figures = measure(options.spans, options.rounds)
    for name, value in figures.items():
        print(f"{name:16} {value}", file=sys.stderr)
    print(json.dumps(figures))
    return 0


def measure(spans: int, rounds: int) -> dict[str, float]:
    """Microseconds of CPU time."""
    os.environ["PARTYWALL_FINGERPRINT_KEY"] = "5a" * 32
    bare, bound = provider(), provider(SessionProcessor())
    exported, enriched = provider(), provider()
    whole = provider(SessionProcessor())
    whole.add_span_processor(SimpleSpanProcessor(outgoing(Nowhere())))
    exported.add_span_processor(SimpleSpanProcessor(Nowhere()))
    enriched.add_span_processor(SimpleSpanProcessor(outgoing(Nowhere())))
    variants: dict[str, Work] = {
        "bare": opens(bare),
        "added": within(opens(bound), partywall.session),
        "peer": peer(),
        "exported": opens(exported),
        "enriched": opens(enriched),
        "whole": within(opens(whole), partywall.session),
    }
    for work in variants.values():
        work(spans // 4)
    costs: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name in order:
            costs[name].append(cpu(variants[name], spans))
        order.append(order.pop(0))
        gc.collect()
    gc.enable()
    return {
        "added_us": over(costs["added"], costs["bare"]),
        "peer_us": over(costs["peer"], costs["bare"]),
        "bare_us": round(statistics.median(costs["bare"]), 2),
        "export_us": over(costs["enriched"], costs["exported"]),
        "total_us": over(costs["whole"], costs["exported"]),
        "facts_us": facts_cost(enriched, exported, CALL, rounds, 100),
        "huge_us": facts_cost(enriched, exported, HUGE, 3, 2),
        "fingerprint_us": fingerprint_cost(rounds),
    }


def facts_cost(
    enriched: TracerProvider,
    exported: TracerProvider,
    attributes: dict[str, str],
    rounds: int,
    count: int,
) -> float:
    """What is added to the export of such a tool call."""
    taken, plain = (
        spans_of(source.get_tracer("benchmark"), attributes) for source in (enriched, exported)
    )
    taken(1)
    costs = [(cpu(taken, count), cpu(plain, count)) for _ in range(rounds)]
    return round(statistics.median(ours - bare for ours, bare in costs), 1)


def provider(*processors: SessionProcessor) -> TracerProvider:
    """A provider as `instrument` makes it, with these processors."""
    made = TracerProvider(
        span_limits=SpanLimits(max_span_attributes=ATTRIBUTE_LIMIT), shutdown_on_exit=False
    )
    for processor in processors:
        made.add_span_processor(processor)
    return made


def opens(source: TracerProvider) -> Work:
    """A loop of tool spans inside the span of an agent."""
    return spans_of(source.get_tracer("benchmark"))


def spans_of(tracer: Tracer, attributes: dict[str, str] = ATTRIBUTES) -> Work:
    """The loop that is timed."""

    def work(count: int) -> None:
        with tracer.start_as_current_span("invoke_agent billing"):
            for _ in range(count):
                tracer.start_span("execute_tool read_invoice", attributes=attributes).end()

    return work


def within(work: Work, session: Callable[..., Any]) -> Work:
    """The same inside a session with the facts that a session usually has."""

    def bound(count: int) -> None:
        with session(
            tenant="acme",
            request="REQ-7",
            identity="spiffe://msp/billing-agent",
            on_behalf_of="p.hansen@acme.example",
        ):
            work(count)

    return bound


def peer() -> Work:
    """OpenInference's provider and its context of session, user and metadata."""
    from openinference.instrumentation import TracerProvider as Peer
    from openinference.instrumentation import using_attributes

    made: Any = Peer(
        span_limits=SpanLimits(max_span_attributes=ATTRIBUTE_LIMIT), shutdown_on_exit=False
    )
    work = spans_of(made.get_tracer("benchmark"))

    def bound(count: int) -> None:
        with using_attributes(
            session_id="session", user_id="user", metadata={"tenant": "acme", "request": "REQ-7"}
        ):
            work(count)

    return bound


def fingerprint_cost(rounds: int, records: int = 100) -> float:
    """The fingerprints of one record; each differs, so that nothing can be remembered."""
    keys = in_force()
    if isinstance(keys, str):
        raise SystemExit(f"benchmarks/overhead.py: the fingerprint key cannot be used ({keys})")
    seen = 0

    def work(count: int) -> None:
        nonlocal seen
        for _ in range(count):
            seen += 1
            values = fingerprints.of_object(
                keys.arguments, RECORD | {"email": f"p{seen}@acme.example"}
            )
            assert len(values.numbers) >= 7

    work(records)
    return round(statistics.median(cpu(work, records) for _ in range(rounds)), 1)


def cpu(work: Work, count: int) -> float:
    """Microseconds of CPU time for one."""
    start = time.process_time_ns()
    work(count)
    return (time.process_time_ns() - start) / count / 1000


def over(costs: Sequence[float], base: Sequence[float]) -> float:
    """The median of what each round cost above its own base."""
    return round(statistics.median(c - b for c, b in zip(costs, base, strict=True)), 2)


if __name__ == "__main__":
    sys.exit(main())
