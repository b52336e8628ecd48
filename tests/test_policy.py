"""Policies: asked before a tool runs, nothing allowed by mistake, recorded so as to be repeated."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from cedar_rules import CEDAR, OWNERS, READ, RULES
from exported import fact
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import partywall
from partywall import attributes, policy
from partywall.cedar import CedarPolicy
from partywall.errors import PolicyError
from partywall.policy import Decision, Observed, Policy, Request

ran: list[str] = []


@pytest.fixture(autouse=True)
def clean(memory: InMemorySpanExporter) -> Iterator[None]:
    ran.clear()
    yield
    policy.use(None)


@partywall.tool(dataset="crm/{customer}/invoices", policy=CEDAR)
def look_up(customer: str) -> str:
    ran.append(customer)
    return "12 EUR"


class Saying:
    """A policy of one mind."""

    def __init__(self, decided: Decision | Callable[[Request], Decision]) -> None:
        self.decided = decided
        self.asked: list[Request] = []

    def decide(self, request: Request, /) -> Decision:
        self.asked.append(request)
        return self.decided if isinstance(self.decided, Decision) else self.decided(request)


def broken(_request: Request) -> Decision:
    raise ConnectionError("the policy server's secret address")


ALLOW = Saying(Decision(effect="allow", policies=("yes",)))
DENY = Saying(Decision(effect="deny", policies=("no",), reason="not on Sundays"))


def tool_with(asked: Policy | None) -> Callable[[], str]:
    @partywall.tool(name="guarded", operation="read", policy=asked)
    def guarded() -> str:
        ran.append("guarded")
        return "done"

    return guarded


def one(memory: InMemorySpanExporter) -> ReadableSpan:
    (span,) = [s for s in memory.get_finished_spans() if s.name.startswith("execute_tool")]
    return span


def decided(span: ReadableSpan) -> list[dict[str, object]]:
    return [
        dict(event.attributes or {})
        for event in span.events
        if event.name == attributes.POLICY_DECIDED
    ]


# Before the call


def test_an_allowed_call_runs_and_says_who_allowed_it(memory: InMemorySpanExporter) -> None:
    with partywall.session(tenant="acme", identity="spiffe://msp/billing"):
        assert look_up("acme") == "12 EUR"
    span = one(memory)
    assert fact(span, attributes.POLICY_DECISION) == "allow"
    assert fact(span, attributes.POLICY_ID) == "own-data"
    assert fact(span, attributes.POLICY_MODE) == "enforce"
    assert span.status.status_code is StatusCode.UNSET


def test_a_denied_call_does_not_run_and_its_span_says_why(memory: InMemorySpanExporter) -> None:
    with partywall.session(tenant="acme"), pytest.raises(partywall.PolicyDenied, match="'acme'"):
        look_up("fjord")
    assert not ran
    span = one(memory)
    assert fact(span, attributes.POLICY_DECISION) == "deny"
    assert fact(span, attributes.POLICY_REASON) == "no policy permits it"
    assert fact(span, "error.type") == "partywall.errors.PolicyDenied"
    assert span.status.status_code is StatusCode.ERROR


def test_an_observed_policy_is_asked_and_not_obeyed(memory: InMemorySpanExporter) -> None:
    """What it said stays visible: a call that was denied and ran."""
    with partywall.session(tenant="acme"):
        tool_with(Observed(DENY))()
    assert ran == ["guarded"]
    assert fact(one(memory), attributes.POLICY_DECISION) == "deny"
    assert fact(one(memory), attributes.POLICY_MODE) == "observe"


def test_functions_of_every_kind_are_guarded() -> None:
    @partywall.tool(policy=DENY)
    async def asynchronous() -> None:
        ran.append("async")

    @partywall.tool(policy=DENY)
    def generating() -> Iterator[int]:
        ran.append("generator")
        yield 1

    with partywall.session(tenant="acme"):
        with pytest.raises(partywall.PolicyDenied):
            asyncio.run(asynchronous())
        with pytest.raises(partywall.PolicyDenied):
            list(generating())
    assert not ran


def test_a_call_inside_a_frameworks_own_span_is_guarded_there(
    memory: InMemorySpanExporter,
) -> None:
    own = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "guarded"}
    tracer = trace.get_tracer("framework")
    with (
        partywall.session(tenant="acme"),
        tracer.start_as_current_span("execute_tool guarded", attributes=own),
        pytest.raises(partywall.PolicyDenied),
    ):
        tool_with(DENY)()
    assert not ran
    assert fact(one(memory), attributes.POLICY_DECISION) == "deny"


def test_a_policy_sees_the_call_and_its_session_and_no_argument() -> None:
    asked = Saying(Decision(effect="allow"))

    @partywall.tool(dataset="crm/{customer}", operation="write", policy=asked)
    def save(customer: str, note: str) -> str:
        return customer + note

    with (
        partywall.session(
            tenant="acme", request="REQ-7", identity="a", actors=["a", "b"], on_behalf_of="p.h"
        ) as session,
        partywall.approval("CHG-1"),
    ):
        save("acme", note="s3cr3t")
    (request,) = asked.asked
    assert request == Request(
        tool="save",
        operation="write",
        dataset="crm/acme",
        tenant="acme",
        session=session.id,
        request="REQ-7",
        identity="a",
        on_behalf_of="p.h",
        actors=("a", "b"),
        approval="CHG-1",
        time=request.time,
    )
    assert "s3cr3t" not in request.to_json()


def test_a_dataset_that_cannot_be_told_is_not_a_call_without_one() -> None:
    class Mute:
        def __str__(self) -> str:
            raise ValueError

    asked = Saying(Decision(effect="allow"))

    @partywall.tool(dataset="{path}", policy=asked)
    def read(path: object) -> None: ...

    with partywall.session(tenant="acme"):
        read(Mute())
        read("")
    assert [request.dataset for request in asked.asked] == ["{path}", "{path}"]


# The policy of the process


def test_the_policy_of_the_process_guards_every_tool() -> None:
    policy.use(DENY)
    with partywall.session(tenant="acme"), pytest.raises(partywall.PolicyDenied):
        tool_with(None)()
    policy.use(None)
    with partywall.session(tenant="acme"):
        tool_with(None)()


@pytest.mark.parametrize(
    ("process", "own", "runs"),
    [
        (ALLOW, ALLOW, True),
        (ALLOW, DENY, False),
        (DENY, ALLOW, False),
        (Observed(DENY), ALLOW, True),
    ],
)
def test_both_policies_must_let_a_call_run(
    memory: InMemorySpanExporter, process: Policy, own: Policy, runs: bool
) -> None:
    """Each decision is an event; the strictest stands on the span."""
    policy.use(process)
    with partywall.session(tenant="acme"):
        if runs:
            tool_with(own)()
        else:
            with pytest.raises(partywall.PolicyDenied):
                tool_with(own)()
    assert bool(ran) == runs
    span = one(memory)
    assert len(decided(span)) == 2
    strictest = "deny" if DENY in (process, own) or isinstance(process, Observed) else "allow"
    assert fact(span, attributes.POLICY_DECISION) == strictest


def test_a_gateway_asks_by_itself() -> None:
    with partywall.session(tenant="acme"):
        policy.check(tool="t", dataset="crm/acme/x", operation="read", policy=CEDAR)
        with pytest.raises(partywall.PolicyDenied, match="send-needs-approval"):
            policy.check(tool="t", operation="send", parties=("eve@evil.example",), policy=CEDAR)


# Nothing is allowed by mistake


@pytest.mark.parametrize(
    "asked",
    [
        Saying(broken),
        Saying(Decision(effect="indeterminate")),
        Saying(Decision(effect="yes")),  # pyright: ignore[reportArgumentType]  # a policy of any make
        Saying(lambda _: None),  # pyright: ignore[reportArgumentType, reportReturnType]  # the same
        Saying(lambda _: True),  # pyright: ignore[reportArgumentType, reportReturnType]  # the same
    ],
)
def test_a_policy_that_breaks_lets_nothing_run(memory: InMemorySpanExporter, asked: Policy) -> None:
    """And observed it breaks nothing: the agent goes on, the span says indeterminate."""
    with partywall.session(tenant="acme"):
        with pytest.raises(partywall.PolicyDenied, match="cannot decide"):
            tool_with(asked)()
        assert not ran
        assert fact(one(memory), attributes.POLICY_DECISION) == "indeterminate"
        tool_with(Observed(asked))()
    assert ran


def test_outside_a_session_a_guarded_tool_does_not_run() -> None:
    """There is no tenant to decide for."""
    with pytest.raises(partywall.PolicyDenied, match="no session"):
        tool_with(ALLOW)()
    assert not ran


def test_a_request_of_ten_megabytes_is_not_decided_and_not_recorded(
    memory: InMemorySpanExporter,
) -> None:
    with (
        partywall.session(tenant="acme", identity="x" * 10_000_000),
        pytest.raises(partywall.PolicyDenied, match="longer than"),
    ):
        tool_with(ALLOW)()
    (event,) = decided(one(memory))
    assert attributes.POLICY_REQUEST not in event
    assert sum(len(str(value)) for value in event.values()) < 1000


@pytest.mark.parametrize("wrong", ["allow", object(), CedarPolicy, broken])
def test_what_is_no_policy_is_refused_where_it_is_given(wrong: object) -> None:
    with pytest.raises(partywall.BindingError, match="no policy"):
        partywall.tool(policy=wrong)(lambda: None)  # pyright: ignore[reportCallIssue, reportArgumentType]  # callers without types
    with pytest.raises(partywall.BindingError, match="no policy"):
        policy.use(wrong)  # pyright: ignore[reportArgumentType]  # callers without types


# The record


def test_a_recorded_decision_can_be_made_again(memory: InMemorySpanExporter) -> None:
    """The same request and the same policies, by their digests, give the same decision."""
    with partywall.session(tenant="acme", identity="spiffe://msp/billing", request="REQ-7"):
        look_up("acme")
        with pytest.raises(partywall.PolicyDenied):
            look_up("fjord")
    records = [
        record
        for span in memory.get_finished_spans()
        if span.name.startswith("execute_tool")
        for record in decided(span)
    ]
    assert [record[attributes.POLICY_DECISION] for record in records] == ["allow", "deny"]
    again = CedarPolicy(RULES, owners=OWNERS)
    for record in records:
        assert record[attributes.POLICY_DIGEST] == again.digest
        assert record[attributes.POLICY_DATA] == again.data
        assert record[attributes.POLICY_ENGINE] == again.engine
        found = again.decide(Request.from_json(str(record[attributes.POLICY_REQUEST])))
        assert found.effect == record[attributes.POLICY_DECISION]
        assert ",".join(found.policies) == record.get(attributes.POLICY_ID, "")


def test_other_policies_have_another_digest() -> None:
    assert CedarPolicy(RULES + "\n").digest != CEDAR.digest
    assert CedarPolicy(RULES, owners={}).data != CEDAR.data
    assert CedarPolicy(RULES, owners={}).digest == CEDAR.digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"tool":1}',
        '{"tool":"t","x":1}',
        "[" * 100000,
        '{"tool":"t","time":"now"}',
        '{"tool":"t","time":true}',
        '{"tool":"t","actors":"ab"}',
    ],
)
def test_what_is_no_recorded_request_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        Request.from_json(text)


def test_a_decision_of_ones_own_policy_is_recorded(memory: InMemorySpanExporter) -> None:
    @partywall.tool
    def export() -> None:
        partywall.decision(policy="dlp-2", decision="deny", reason="r" * 1000)
        partywall.decision(policy="retention-7", decision="allow")

    with partywall.session(tenant="acme"):
        export()
    span = one(memory)
    assert fact(span, attributes.POLICY_DECISION) == "deny"
    assert fact(span, attributes.POLICY_ID) == "dlp-2"
    assert fact(span, attributes.POLICY_REASON) == "r" * 256
    assert [event[attributes.POLICY_ID] for event in decided(span)] == ["dlp-2", "retention-7"]


def test_a_decision_that_cannot_be_right_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(partywall.BindingError, match="empty"):
        partywall.decision(policy=" ", decision="allow")
    with pytest.raises(partywall.BindingError, match="not one of"):
        partywall.decision(policy="p", decision="maybe")  # pyright: ignore[reportArgumentType]  # callers without types
    with caplog.at_level(logging.WARNING):
        partywall.decision(policy="p", decision="allow")
    assert "no span is current" in caplog.text


def test_the_record_is_compact_json() -> None:
    assert json.loads(READ.to_json()) == {
        "dataset": "crm/acme/x",
        "operation": "read",
        "session": "s",
        "tenant": "acme",
        "time": 1,
        "tool": "t",
    }
