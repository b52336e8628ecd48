"""Tools and datasets: what a call leaves on its span, for every kind of function."""

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any

import pytest
from exported import Spans, facts
from opentelemetry import trace
from opentelemetry.trace import StatusCode

import partywall
from partywall import attributes, identifiers
from partywall.errors import BindingError

SECRET = "DE89370400440532013000"


@partywall.tool
def look_up(customer: str) -> str:
    return f"{customer}: {SECRET}"


# --- tools -------------------------------------------------------------------------------------


def test_a_tool_call_is_a_span_of_the_genai_conventions_without_content(spans: Spans) -> None:
    with partywall.session(tenant="acme"):
        assert look_up("c.f@acme.example") == f"c.f@acme.example: {SECRET}"
    span = spans.one()
    assert span.name == "execute_tool look_up"
    assert facts(span)["gen_ai.operation.name"] == "execute_tool"
    assert facts(span)["gen_ai.tool.name"] == "look_up"
    assert "acme.example" not in span.to_json()
    assert SECRET not in span.to_json()


def test_a_tools_dataset_may_name_its_arguments(spans: Spans) -> None:
    @partywall.tool(name="crm.read", dataset="postgres://crm/acme.{table}", operation="list")
    def read(table: str = "invoices", *, limit: int = 3) -> int:
        return limit

    with partywall.session(tenant="acme"):
        read("customers")
        read()
    first, second = map(facts, spans.take())
    assert first["gen_ai.tool.name"] == "crm.read"
    assert first[attributes.DATASET_ID] == "postgres://crm/acme.customers"
    assert first[attributes.DATASET_OPERATION] == "list"
    assert second[attributes.DATASET_ID] == "postgres://crm/acme.invoices"


def test_a_template_reaches_keyword_arguments_and_runs_no_code(spans: Spans) -> None:
    @partywall.tool(dataset="s3://{bucket}/{path}")
    def fetch(bucket: str, **options: str) -> None: ...

    with partywall.session(tenant="acme"):
        fetch("{0.__class__}", path="a" * 5000)
    assert str(facts(spans.one())[attributes.DATASET_ID]).startswith("s3://{0.__class__}/aaaa")


def test_a_template_that_names_no_parameter_is_refused_at_once() -> None:
    with pytest.raises(partywall.BindingError, match=r"names \{tabel\}, which is no parameter"):

        @partywall.tool(dataset="postgres://crm/{tabel}")
        def read(table: str) -> None: ...  # pyright: ignore[reportUnusedFunction]: never made


def test_an_argument_that_cannot_be_text_costs_the_dataset_and_not_the_call(
    spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    @partywall.tool(dataset="file/{path}")
    def read_file(path: object) -> str:
        return "read"

    with partywall.session(tenant="acme"):
        assert read_file(Broken()) == "read"
    assert attributes.DATASET_ID not in facts(spans.one())
    assert "dataset='file/{path}' could not be filled in" in caplog.text


@pytest.mark.parametrize("decorator", [partywall.tool, partywall.session(tenant="acme")])
def test_what_is_no_function_is_refused_with_the_right_order(decorator: Any) -> None:
    """A wrapped static method or class would run, silently, outside the span or session."""
    for thing in (staticmethod(look_up), int, 7):
        with pytest.raises(partywall.BindingError, match="right above the `def`"):
            decorator(thing)


def test_a_decorated_function_looks_like_itself() -> None:
    """Frameworks read a tool's signature and docstring to describe it to the model."""

    @partywall.tool
    async def read_invoice(customer: str, *, year: int = 2026) -> str:
        """Read an invoice."""
        return customer

    assert str(inspect.signature(read_invoice)) == "(customer: str, *, year: int = 2026) -> str"
    assert read_invoice.__doc__ == "Read an invoice."
    assert inspect.iscoroutinefunction(read_invoice)


def test_a_callable_without_a_name_needs_one(spans: Spans) -> None:
    bound = functools.partial(look_up, "acme")
    with pytest.raises(partywall.BindingError, match=r"has no name: partywall.tool\(name=...\)"):
        partywall.tool(bound)
    partywall.tool(name="look_up_acme")(bound)()
    assert [span.name for span in spans.take()] == [
        "execute_tool look_up",
        "execute_tool look_up_acme",
    ]


def test_an_unknown_operation_is_refused_at_once() -> None:
    with pytest.raises(partywall.BindingError, match="'reed' is not one of 'read'"):
        partywall.tool(operation="reed")(look_up)  # pyright: ignore[reportCallIssue, reportArgumentType]: tested


def test_an_operation_without_a_dataset_stands_on_the_call(spans: Spans) -> None:
    @partywall.tool(operation="send")
    def send_mail() -> None: ...

    with partywall.session(tenant="acme"):
        send_mail()
    assert facts(spans.one())[attributes.OPERATION] == "send"


def test_a_tool_that_raises_is_marked_by_type_and_not_by_message(spans: Spans) -> None:
    @partywall.tool
    def pay() -> None:
        raise ValueError(f"no such account {SECRET}")

    with partywall.session(tenant="acme"), pytest.raises(ValueError, match=SECRET):
        pay()
    span = spans.one()
    assert facts(span)["error.type"] == "ValueError"
    assert span.status.status_code is StatusCode.ERROR
    assert SECRET not in span.to_json()


def test_wrong_arguments_raise_what_python_raises(spans: Spans) -> None:
    @partywall.tool(dataset="file/{path}")
    def read_file(path: str) -> None: ...

    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        read_file()  # pyright: ignore[reportCallIssue]: what is tested
    assert attributes.DATASET_ID not in facts(spans.one())


def test_spans_inside_a_tool_are_its_children(spans: Spans, tracer: trace.Tracer) -> None:
    @partywall.tool
    async def query() -> None:
        await asyncio.sleep(0)
        tracer.start_span("SELECT").end()

    asyncio.run(query())
    inner, outer = spans.take()
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


def test_a_frameworks_own_span_for_the_call_takes_the_facts(
    spans: Spans, tracer: trace.Tracer
) -> None:
    """One call, one span: two instrumentations must not make two calls of it."""

    @partywall.tool(dataset="postgres://crm/{customer}")
    def find(customer: str) -> None:
        raise LookupError(customer)

    said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"}
    with (
        partywall.session(tenant="acme"),
        pytest.raises(LookupError),
        tracer.start_as_current_span("execute_tool find", attributes=said, record_exception=False),
    ):
        find("acme")
    span = spans.one()
    (event,) = span.events
    assert event.name == attributes.DATASET_ACCESS
    assert dict(event.attributes or {})[attributes.DATASET_ID] == "postgres://crm/acme"
    assert facts(span)["error.type"] == "LookupError"


def test_a_tool_that_calls_itself_is_two_calls(spans: Spans) -> None:
    @partywall.tool
    def walk(depth: int) -> int:
        return walk(depth - 1) if depth else 0

    walk(1)
    assert len(spans.take()) == 2


# --- generators --------------------------------------------------------------------------------


def test_a_generator_tool_is_one_span_and_leaks_nothing_between_its_steps(
    spans: Spans, tracer: trace.Tracer
) -> None:
    """Its context is on while it runs and off while the consumer does."""

    @partywall.session(tenant="acme")
    @partywall.tool
    def rows(count: int) -> Generator[int, str, str]:
        with tracer.start_as_current_span("cursor"):
            for number in range(count):
                assert partywall.current_session() is not None
                tracer.start_span("fetch").end()
                yield number
        return "done"

    generator = rows(2)
    seen: list[int] = []
    while True:
        try:
            seen.append(generator.send("more") if seen else next(generator))
        except StopIteration as stop:
            returned = stop.value
            break
        assert partywall.current_session() is None
        assert not trace.get_current_span().get_span_context().is_valid
    assert seen == [0, 1]
    assert returned == "done"
    found = spans.take()
    assert [span.name for span in found] == ["fetch", "fetch", "cursor", "execute_tool rows"]
    cursor = found[2].context
    assert cursor is not None
    assert [span.parent and span.parent.span_id for span in found[:2]] == [cursor.span_id] * 2
    assert {facts(span)[attributes.TENANT_ID] for span in found} == {"acme"}


def test_a_generator_given_up_early_is_closed_and_is_no_error(spans: Spans) -> None:
    closed: list[bool] = []

    @partywall.tool
    def rows() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    generator = rows()
    assert next(generator) == 1
    assert isinstance(generator, Generator)
    generator.close()
    assert closed == [True]
    assert "error.type" not in facts(spans.one())


def test_an_exception_thrown_into_a_generator_arrives_in_it(spans: Spans) -> None:
    @partywall.tool
    def rows() -> Generator[int]:
        try:
            yield 1
        except KeyError:
            yield 2
        raise ValueError

    generator = rows()
    assert next(generator) == 1
    assert generator.throw(KeyError()) == 2
    with pytest.raises(ValueError, match=r"^$"):
        next(generator)
    assert facts(spans.one())["error.type"] == "ValueError"


def test_an_async_generator_tool_is_one_span_and_leaks_nothing(spans: Spans) -> None:
    @partywall.session(tenant="acme")
    @partywall.tool
    async def rows(count: int) -> AsyncGenerator[int]:
        for number in range(count):
            await asyncio.sleep(0)
            yield number

    async def main() -> list[int]:
        seen: list[int] = []
        async for number in rows(3):
            assert partywall.current_session() is None
            seen.append(number)
        early = rows(3)
        await anext(early)
        await early.aclose()
        return seen

    assert asyncio.run(main()) == [0, 1, 2]
    assert spans.tenants() == ["acme", "acme"]


def test_an_exception_thrown_into_an_async_generator_arrives_in_it(spans: Spans) -> None:
    @partywall.tool
    async def rows() -> AsyncGenerator[int]:
        try:
            yield 1
        except KeyError:
            yield 2

    async def main() -> None:
        generator = rows()
        assert await anext(generator) == 1
        assert await generator.athrow(KeyError()) == 2
        assert [left async for left in generator] == []

    asyncio.run(main())
    assert "error.type" not in facts(spans.one())


# --- datasets ----------------------------------------------------------------------------------


def test_each_dataset_that_a_call_names_is_an_event_on_its_span(spans: Spans) -> None:
    @partywall.tool
    def join() -> None:
        partywall.dataset("postgres://crm/acme.customers")
        partywall.dataset("s3://exports/acme", operation="write")

    with partywall.session(tenant="acme"):
        join()
    accesses = [dict(event.attributes or {}) for event in spans.one().events]
    assert accesses == [
        {
            attributes.DATASET_ID: "postgres://crm/acme.customers",
            attributes.DATASET_OPERATION: "read",
        },
        {attributes.DATASET_ID: "s3://exports/acme", attributes.DATASET_OPERATION: "write"},
    ]


def test_a_dataset_named_outside_any_span_is_said_to_be_lost(
    spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    partywall.dataset("postgres://crm/acme")
    assert "no span is current" in caplog.text


def test_an_empty_dataset_id_is_refused(spans: Spans) -> None:
    with pytest.raises(partywall.BindingError, match="id is empty"):
        partywall.dataset(" ")


@pytest.mark.parametrize(
    ("recipients", "expected"),
    [
        ("Ann <Ann@Example.com>", "ann@example.com"),
        (["ann@example.com", "bob@example.com"], ("ann@example.com", "bob@example.com")),
        ("ann@example.com, bob@example.com", ("ann@example.com", "bob@example.com")),
        ("", None),
        (None, None),
    ],
)
def test_a_tool_names_whom_it_reaches(spans: Spans, recipients: object, expected: object) -> None:
    """In the one spelling of its kind; a list argument names several."""

    @partywall.tool(party="{recipients}", party_kind="email")
    def send(recipients: object) -> None: ...

    with partywall.session(tenant="acme"):
        send(recipients)
    said = facts(spans.one())
    assert said.get(attributes.PARTY_ID) == expected
    assert said.get(attributes.PARTY_KIND) == (None if expected is None else "email")
    assert said[attributes.OPERATION] == "send"


def test_a_party_needs_its_kind() -> None:
    with pytest.raises(BindingError, match="party and party_kind go together"):
        partywall.tool(party="{to}")(lambda to: to)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] # a stub
    with pytest.raises(BindingError, match="party_kind='fax' is not one of 'email'"):
        partywall.tool(party="{to}", party_kind="fax")(lambda to: to)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] # a stub


def test_fingerprints_of_a_plain_functions_arguments_and_result(
    spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`self` and a framework's context are no arguments; a cycle is read once."""
    monkeypatch.setenv("PARTYWALL_FINGERPRINT_KEY", "ab" * 32)
    key = bytes.fromhex("ab" * 32)

    class Client:
        def __init__(self) -> None:
            self.owner = "not-an-argument@example.com"

        @partywall.tool
        async def look_up(self, query: dict[str, Any]) -> dict[str, Any]:
            return {"found": ["bob@example.com"], "in": query}

    query: dict[str, Any] = {"who": "ann@example.com"}
    query["again"] = query
    with partywall.session(tenant="acme"):
        asyncio.run(Client().look_up(query))
    ann, bob = (
        str(identifiers.fingerprint(key, "email", value))
        for value in ("ann@example.com", "bob@example.com")
    )
    said = facts(spans.one())
    assert said[attributes.VALUES_IN] == (ann,)
    assert said[attributes.VALUES_OUT] == (bob, ann)
    assert attributes.VALUES_MISSING not in said
