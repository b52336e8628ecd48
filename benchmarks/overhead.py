"""What binding costs: CPU time of a span on top of a bare OpenTelemetry span, and of fingerprints.

    uv run python benchmarks/overhead.py

One thread does all of it, and spans are exported in batches, as they are in an agent. The variants
run in turn, in many short rounds and in an order that changes, and the figure of a variant is its
cheapest round: whatever else the machine does can only make a round dearer.

`bare_us` is a bare span, exported to nowhere; the others are what comes on top. `added_us` is what
binding adds where the span is made, `export_us` what is added in the background when it is exported
(datasets, parties, content and secrets taken out), `total_us` both together, `peer_us` what
OpenInference adds for its own session, user and metadata. `facts_us` is the export of a tool call
with a new result of 1 kB under a key (fingerprints, whom the result brings in): five messages,
`records_us` the same of eight records, each with a number, a name, a mailbox, an amount, a date and
a note. `again_us` is that of another span of the same call, `huge_us` that of a result of 10 MB,
`fingerprint_us` the fingerprints of a record of 20 fields. The last line is JSON.
"""

import argparse
import gc
import json
import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

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
    "gen_ai.tool.call.arguments": json.dumps({"customer": "acme", "folder": "inbox"})
}

CALLS: Final = 20
"""Tool calls with a result in a round."""

WORDS: Final = (
    *("please", "find", "the", "delivery", "note", "attached", "it", "is", "due", "at", "end"),
    *("of", "may", "invoice", "order", "account", "for", "your", "warehouse", "and", "we", "will"),
    *("send", "goods", "on", "Monday", "from", "Bergen", "with", "regards", "number", "street"),
)
"""What messages are made of."""

HUGE: Final = "Ann wrote to p.hansen@acme.example. " * 290_000
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


class Batches(SpanProcessor):
    """Exports in batches as OpenTelemetry's processor does, but in the thread that is measured."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._ended.append(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self._exporter.export(self._ended)
        self._ended = []
        return True


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100, help="spans of a variant in a round")
    parser.add_argument("--rounds", type=int, default=150)
    options = parser.parse_args(argv)
    figures = measure(options.spans, options.rounds)
    for name, value in figures.items():
        print(f"{name:16} {value}", file=sys.stderr)
    print(json.dumps(figures))
    return 0


def measure(spans: int, rounds: int) -> dict[str, float]:
    """Microseconds of CPU time."""
    os.environ["PARTYWALL_FINGERPRINT_KEY"] = "5a" * 32
    bare, bound = exporting(Nowhere()), exporting(Nowhere(), SessionProcessor())
    enriched = exporting(outgoing(Nowhere()))
    whole = exporting(outgoing(Nowhere()), SessionProcessor())
    costs = cheapest(
        {
            "bare": opens(bare),
            "bound": within(opens(bound)),
            "enriched": opens(enriched),
            "whole": within(opens(whole)),
            "peer": peer(),
        },
        spans,
        rounds,
    )
    pick = random.Random(7)
    made = [messages(pick) for _ in range(CALLS * (rounds + 1))]
    tables = [records(pick) for _ in range(CALLS * (rounds + 1))]
    latest: deque[str] = deque(maxlen=CALLS)
    calls = cheapest(
        {
            "bare": opens(bare, cycle(made)),
            "records": opens(enriched, iter(tables)),
            "facts": opens(enriched, noted(made, latest)),
            "again": opens(enriched, repeated(latest)),
        },
        CALLS,
        rounds,
    )
    large = [f"{number}: {HUGE}" for number in range(6)]
    huge = cheapest(
        {"bare": opens(bare, cycle(large)), "facts": opens(enriched, iter(large))}, 1, 5
    )
    return {
        "bare_us": costs["bare"],
        "added_us": round(costs["bound"] - costs["bare"], 2),
        "export_us": round(costs["enriched"] - costs["bare"], 2),
        "total_us": round(costs["whole"] - costs["bare"], 2),
        "peer_us": round(costs["peer"] - costs["bare"], 2),
        "facts_us": round(calls["facts"] - calls["bare"], 1),
        "records_us": round(calls["records"] - calls["bare"], 1),
        "again_us": round(calls["again"] - calls["bare"], 1),
        "huge_us": round(huge["facts"] - huge["bare"], 1),
        "fingerprint_us": cheapest({"record": takes_fingerprints()}, CALLS, rounds)["record"],
    }


def cheapest(variants: dict[str, Work], count: int, rounds: int) -> dict[str, float]:
    """Microseconds of CPU time for one, in the cheapest round of each variant."""
    costs: dict[str, float] = {}
    order = list(variants)
    for name in order:
        variants[name](count)
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name in order:
            start = time.process_time_ns()
            variants[name](count)
            cost = (time.process_time_ns() - start) / count / 1000
            costs[name] = min(cost, costs.get(name, cost))
        order.append(order.pop(0))
        gc.collect()
    gc.enable()
    return {name: round(cost, 2) for name, cost in costs.items()}


def exporting(exporter: SpanExporter, *processors: SpanProcessor) -> TracerProvider:
    """A provider as `instrument` makes it, but that it exports when it is told to."""
    made = TracerProvider(
        span_limits=SpanLimits(max_span_attributes=ATTRIBUTE_LIMIT), shutdown_on_exit=False
    )
    for processor in (*processors, Batches(exporter)):
        made.add_span_processor(processor)
    return made


def opens(source: TracerProvider, results: Iterator[str] | None = None) -> Work:
    """A loop of tool spans inside the span of an agent, each with what the call returned."""
    tracer = source.get_tracer("benchmark")

    def work(count: int) -> None:
        with tracer.start_as_current_span("invoke_agent billing"):
            for _ in range(count):
                said = ATTRIBUTES
                if results is not None:
                    said = CALL | {"gen_ai.tool.call.result": next(results)}
                tracer.start_span("execute_tool read_invoice", attributes=said).end()
        source.force_flush()

    return work


def messages(pick: random.Random) -> str:
    """Five messages as a tool returns them: 1 kB, and no two alike."""
    return json.dumps(
        [
            {
                "from": f"p.{pick.randrange(10_000)}@{pick.choice(WORDS)}.example",
                "subject": " ".join(pick.choices(WORDS, k=4)).capitalize(),
                "body": " ".join(pick.choices(WORDS, k=12)).capitalize() + ".",
                "date": f"2026-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}",
            }
            for _ in range(5)
        ]
    )


def records(pick: random.Random) -> str:
    """Eight records of a ledger: 1 kB, and hardly a value that stood in one before."""
    made: list[dict[str, str | float]] = []
    for _ in range(8):
        first, last = pick.choice(WORDS), pick.choice(WORDS)
        made.append(
            {
                "id": f"INV-{pick.randrange(10**6):06}",
                "name": f"{first.capitalize()} {last.capitalize()}",
                "email": f"{first}.{last}{pick.randrange(1000)}@{pick.choice(WORDS)}.example",
                "amount": round(pick.uniform(1, 5000), 2),
                "date": f"2026-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}",
                "note": " ".join(pick.choices(WORDS, k=3)).capitalize(),
            }
        )
    return json.dumps(made)


def noted(results: list[str], latest: deque[str]) -> Iterator[str]:
    """The results one by one, and note the latest."""
    for result in results:
        latest.append(result)
        yield result


def repeated(latest: deque[str]) -> Iterator[str]:
    """The latest results once more, as other spans of the same calls have them."""
    while latest:
        yield from tuple(latest)


def within(work: Work) -> Work:
    """The same inside a session with the facts that a session usually has."""

    def bound(count: int) -> None:
        with partywall.session(
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
    made.add_span_processor(Batches(Nowhere()))
    work = opens(made)

    def bound(count: int) -> None:
        with using_attributes(
            session_id="session", user_id="user", metadata={"tenant": "acme", "request": "REQ-7"}
        ):
            work(count)

    return bound


def takes_fingerprints() -> Work:
    """The fingerprints of a record; each differs, so that it is not remembered."""
    keys = in_force()
    if isinstance(keys, str):
        raise SystemExit(f"benchmarks/overhead.py: the fingerprint key cannot be used ({keys})")
    numbers = iter(range(1_000_000))

    def work(count: int) -> None:
        for _ in range(count):
            record = RECORD | {"email": f"p{next(numbers)}@acme.example"}
            assert len(fingerprints.of_object(keys.arguments, record).numbers) >= 7

    return work


if __name__ == "__main__":
    sys.exit(main())
