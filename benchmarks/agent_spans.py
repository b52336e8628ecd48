"""Spans as agents really send them, as OTLP requests: the load of `benchmarks/ingest.py`.

A trace is one request to an agent: `invoke_agent`, then turns of a model call, one or two tool
calls, and the HTTP or database request below each tool call. A third are tool calls, with arguments
of about 150 bytes and results of 100 bytes to 12 KB (mean about 1.2 KB: a word of confirmation,
records in JSON, YAML or a page of text, with mailboxes, IBANs, links and record ids in them); model
calls carry about 2 KB of messages. That is `raw`. `taken` is the same spans after our SDK: facts
are on them, content is not.
"""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind
from opentelemetry.trace.status import Status, StatusCode

from partywall import attributes
from partywall.facts import FactsExporter

Kind = Literal["raw", "taken"]

BATCH: Final = 512
"""Spans of a request: what the SDK's batch processor sends at most."""

BEGUN: Final = 1_767_225_600_000_000_000
TOOLS: Final = (
    "search_invoices", "read_ticket", "send_email", "get_customer", "list_files", "update_order",
    "query_warehouse", "read_page", "create_event", "lookup_account",
)  # fmt: skip
NAMES: Final = ("Anna", "Bjorn", "Carla", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jo")
WORDS: Final = (
    "invoice", "contract", "renewal", "quarter", "delivery", "ticket", "refund", "meeting",
    "region", "supplier", "budget", "forecast", "shipment", "warranty", "portal", "account",
    "license", "upgrade", "incident", "outage", "summary", "note", "customer", "project",
    "milestone", "review", "approval", "draft", "payment", "schedule", "office", "travel",
)  # fmt: skip
SCOPES: Final = {
    "agent": InstrumentationScope("opentelemetry.instrumentation.langchain", "0.61.0"),
    "http": InstrumentationScope("opentelemetry.instrumentation.httpx", "0.61b0"),
    "db": InstrumentationScope("opentelemetry.instrumentation.psycopg", "0.61b0"),
}


class Load:
    """Makes traces of these tenants; the same seed makes the same ones."""

    def __init__(self, tenants: Sequence[str], seed: int = 1) -> None:
        self._tenants = tenants
        self._random = random.Random(seed)
        self._now = BEGUN
        self._resources = [
            Resource(
                {
                    "service.name": f"agents-{number % 4}",
                    "service.version": "1.14.2",
                    "service.instance.id": f"{self._random.getrandbits(128):032x}",
                    "host.name": f"node-{number}",
                    "telemetry.sdk.language": "python",
                    "telemetry.sdk.name": "opentelemetry",
                    "telemetry.sdk.version": "1.44.0",
                    "deployment.environment.name": "production",
                }
            )
            for number in range(8)
        ]

    def requests(self, spans: int, kind: Kind) -> Iterator[bytes]:
        """Requests of 512 spans until there are at least so many, each of one sending process."""
        exporter = InMemorySpanExporter()
        facts = FactsExporter(exporter, content=False)
        made = 0
        while made < spans:
            resource = self._random.choice(self._resources)
            batch: list[ReadableSpan] = []
            while len(batch) < BATCH:
                batch += self._trace(resource)
            made += BATCH
            if kind == "taken":
                exporter.clear()
                facts.export(batch[:BATCH])
                batch = list(exporter.get_finished_spans())
            yield encode_spans(batch[:BATCH]).SerializeToString()

    def _trace(self, resource: Resource) -> Iterator[ReadableSpan]:
        r = self._random
        trace = r.getrandbits(128) | 1
        tenant = r.choice(self._tenants)
        session = {
            attributes.TENANT_ID: tenant,
            attributes.TENANT_SOURCE: "session",
            attributes.SESSION_ID: f"{r.getrandbits(128):032x}",
            attributes.REQUEST_ID: f"REQ-{r.randrange(10**6)}",
            attributes.IDENTITY_ID: f"spiffe://msp.example/agent/{r.randrange(8)}",
            attributes.CREDENTIAL_ID: f"cred-{r.getrandbits(64):016x}",
            attributes.AGENT_NAME: f"assistant-{r.randrange(6)}",
            attributes.SESSION_PART: f"{r.getrandbits(64):016x}",
        }
        numbers = iter(range(1, 1000))

        def span(
            name: str, parent: SpanContext | None, kind: SpanKind, scope: str, **said: Any
        ) -> ReadableSpan:
            self._now += r.randrange(10**6, 10**8)
            facts = session | {attributes.SESSION_SEQUENCE: next(numbers)}
            failed = scope != "agent" and r.random() < 0.03
            return ReadableSpan(
                name=name,
                context=SpanContext(trace, r.getrandbits(64) | 1, is_remote=False),
                parent=parent,
                resource=resource,
                attributes=facts | {key.replace("__", "."): value for key, value in said.items()},
                kind=kind,
                status=Status(StatusCode.ERROR, "timed out") if failed else Status(),
                start_time=self._now,
                end_time=self._now + r.randrange(10**5, 10**9),
                instrumentation_scope=SCOPES[scope],
            )

        root = span(
            "invoke_agent assistant",
            None,
            SpanKind.INTERNAL,
            "agent",
            gen_ai__operation__name="invoke_agent",
            gen_ai__provider__name="anthropic",
        )
        yield root
        for _ in range(r.randrange(3, 6)):
            yield span("chat model-4", root.context, SpanKind.CLIENT, "agent", **self._chat())
            for _ in range(r.choice((1, 1, 1, 2))):
                tool = r.choice(TOOLS)
                call = span(
                    f"execute_tool {tool}",
                    root.context,
                    SpanKind.INTERNAL,
                    "agent",
                    **self._call(tool),
                )
                if r.random() < 0.7:
                    below = self._database() if r.random() < 0.5 else self._http()
                    scope = "db" if "db__system__name" in below else "http"
                    name = "SELECT" if scope == "db" else "GET"
                    yield span(name, call.context, SpanKind.CLIENT, scope, **below)
                yield call

    def _chat(self) -> dict[str, Any]:
        r = self._random
        messages = [
            {"role": "system", "parts": [{"type": "text", "content": self._text(90)}]},
            {"role": "user", "parts": [{"type": "text", "content": self._text(150)}]},
        ]
        answer = [{"role": "assistant", "parts": [{"type": "text", "content": self._text(40)}]}]
        return {
            "gen_ai__operation__name": "chat",
            "gen_ai__provider__name": "anthropic",
            "gen_ai__request__model": "model-4",
            "gen_ai__response__id": f"msg_{r.getrandbits(96):024x}",
            "gen_ai__response__finish_reasons": ["tool_use"],
            "gen_ai__usage__input_tokens": r.randrange(500, 20_000),
            "gen_ai__usage__output_tokens": r.randrange(20, 900),
            "gen_ai__request__temperature": 0.2,
            "gen_ai__input__messages": json.dumps(messages),
            "gen_ai__output__messages": json.dumps(answer),
        }

    def _call(self, tool: str) -> dict[str, Any]:
        r = self._random
        arguments = {
            "customer": f"C-{r.randrange(10**5)}",
            "query": self._text(8),
            "to": self._mailbox(),
            "limit": r.randrange(1, 50),
        }
        return {
            "gen_ai__operation__name": "execute_tool",
            "gen_ai__tool__name": tool,
            "gen_ai__tool__type": "function",
            "gen_ai__tool__call__id": f"call_{r.getrandbits(96):024x}",
            "gen_ai__tool__call__arguments": json.dumps(arguments),
            "gen_ai__tool__call__result": self._result(),
        }

    def _result(self) -> str:
        r = self._random
        form = r.random()
        if form < 0.35:
            return json.dumps({"status": "ok", "id": f"{r.getrandbits(64):016x}"})
        if form < 0.75:
            return json.dumps([self._record() for _ in range(r.randrange(1, 11))])
        if form < 0.85:
            return "\n".join(
                f"- {key}: {value}"
                for _ in range(r.randrange(1, 6))
                for key, value in self._record().items()
            )
        if form < 0.98:
            return f"{self._text(r.randrange(50, 300))}. Contact: {self._mailbox()}."
        return json.dumps({"rows": [self._record() for _ in range(60)]})

    def _record(self) -> dict[str, Any]:
        r = self._random
        return {
            "id": f"INV-{r.randrange(10**6)}",
            "customer": f"{r.choice(NAMES)} {r.choice(NAMES)}son",
            "email": self._mailbox(),
            "amount": round(r.uniform(10, 9_000), 2),
            "iban": f"DE{r.randrange(10**20):020d}" if r.random() < 0.3 else None,
            "link": f"https://portal.example/i/{r.getrandbits(48):012x}",
            "note": self._text(6),
        }

    def _http(self) -> dict[str, Any]:
        r = self._random
        host = f"api-{r.randrange(12)}.example"
        return {
            "http__request__method": "GET",
            "url__full": f"https://{host}/v1/{r.choice(WORDS)}/{r.randrange(10**6)}?page=1",
            "server__address": host,
            "server__port": 443,
            "http__response__status_code": r.choice((200, 200, 200, 404)),
            "network__protocol__version": "1.1",
        }

    def _database(self) -> dict[str, Any]:
        table = self._random.choice(WORDS)
        return {
            "db__system__name": "postgresql",
            "db__namespace": "crm",
            "db__collection__name": table,
            "db__operation__name": "SELECT",
            "db__query__text": f"SELECT * FROM {table} WHERE id = $1 AND region = $2",
            "server__address": "db.example",
            "server__port": 5432,
        }

    def _mailbox(self) -> str:
        r = self._random
        return f"{r.choice(NAMES).lower()}.{r.randrange(5_000)}@{r.choice(WORDS)}.example"

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(WORDS, k=words))
