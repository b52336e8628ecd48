"""Policies: asked before a tool runs, nothing allowed by mistake, recorded so as to be repeated."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import partywall
from partywall import attributes, policy
from partywall.cedar import CedarPolicy
from partywall.errors import PolicyError
from partywall.policy import Decision, Observed, Policy, Request

RULES = """
@id("own-data")
permit(principal, action in [Action::"read", Action::"list"], resource)
when { resource in context.tenant };

@id("send-needs-approval")
forbid(principal, action == Action::"send", resource)
unless { context has approval };

@id("may-send")
permit(principal, action == Action::"send", resource);
"""
OWNERS = {"crm/acme/*": "acme", "crm/fjord/*": "fjord"}
CEDAR = CedarPolicy(RULES, owners=OWNERS)

ran: list[str] = []


@pytest.fixture(scope="module")
def memory() -> InMemorySpanExporter:
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    provider = partywall.instrument()
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture(autouse=True)
def clean(memory: InMemorySpanExporter) -> Iterator[None]:
    memory.clear()
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


def fact(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


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


# Cedar


def ask(rules: str, request: Request, **more: object) -> Decision:
    return CedarPolicy(rules, **more).decide(request)  # pyright: ignore[reportArgumentType]  # by name


READ = Request(tool="t", operation="read", dataset="crm/acme/x", tenant="acme", session="s", time=1)


def test_the_wall_is_one_policy_for_all_tenants() -> None:
    """`resource in context.tenant`: a dataset of the tenant that the session is for."""
    assert CEDAR.decide(READ).effect == "allow"
    assert CEDAR.decide(replace(READ, tenant="fjord")).effect == "deny"
    assert CEDAR.decide(replace(READ, dataset="crm/fjord/x")).effect == "deny"
    assert CEDAR.decide(replace(READ, dataset="nobody's")).effect == "deny"
    assert CEDAR.decide(replace(READ, operation="write")).effect == "deny"
    send = replace(READ, operation="send")
    assert CEDAR.decide(send).policies == ("send-needs-approval",)
    assert CEDAR.decide(replace(send, approval="CHG-1")).effect == "allow"


@pytest.mark.parametrize("step", ["..", "%2e%2E", ".%2e"])
@pytest.mark.parametrize("slash", ["/", "\\", "%2F"])
def test_a_path_that_steps_up_has_no_owner(step: str, slash: str) -> None:
    """`crm/acme/../fjord` matches the pattern of acme and leads to fjord."""
    stepping = replace(READ, dataset=f"crm/acme/{slash}{step}{slash}fjord/x")
    assert CEDAR.decide(stepping).effect == "deny"
    assert CEDAR.decide(replace(READ, dataset="crm/acme/a..b/..x")).effect == "allow"


LOOSE = """
entity Tenant; entity Identity; entity Tool;
entity Dataset in [Tenant] { owner?: String };
action "read" appliesTo {
  principal: [Identity], resource: [Dataset, Tool],
  context: { tenant: Tenant, tool: String, time: Long, session: String, dataset?: String },
};
"""


def test_a_forbid_that_fails_never_lets_a_call_run() -> None:
    """Cedar itself would skip the failing rule and allow; overflow is an error no schema sees."""
    rules = """
    @id("all") permit(principal, action, resource);
    @id("clock") forbid(principal, action, resource) when { context.time + 1 < 0 };
    """
    found = ask(rules, replace(READ, time=2**63 - 1))
    assert found.effect == "indeterminate"
    assert "overflow" in found.reason
    assert ask(rules, READ).effect == "allow"


@pytest.mark.parametrize(
    "rules",
    [
        'forbid(principal, action, resource) when { context.approval == "x" };',
        "forbid(principal, action, resource) when { resource.owner == context.tool };",
        'permit(principal, action == Action::"fly", resource);',
        'permit(principal == User::"alice", action, resource);',
    ],
)
def test_rules_that_could_fail_or_never_match_are_refused_when_read(rules: str) -> None:
    with pytest.raises(PolicyError, match="do not fit the schema"):
        CedarPolicy(rules)


@pytest.mark.parametrize(
    "rules",
    [
        "permit(principal",
        "\x00",
        "permit(principal, action, resource)",
        "(" * 5000,
        "x" * 1000001,
        "permit(principal,action,resource) when {" + "if true then " * 5000 + "};",
    ],
)
def test_rules_that_cannot_be_read_are_refused_when_read(rules: str) -> None:
    """Also those that would make a recursive parser run out of stack."""
    with pytest.raises(PolicyError):
        CedarPolicy(rules)


UNREADABLE: list[dict[str, object]] = [
    {"schema": "entity"},
    {"entities": [{"uid": {"type": "Nobody", "id": "x"}, "attrs": {}, "parents": []}]},
    {"entities": [{"id": "x"}]},
    {"entities": [{"uid": {"type": "Tenant", "id": object()}}]},
]


@pytest.mark.parametrize("more", UNREADABLE)
def test_a_schema_or_entities_that_cannot_be_read_are_refused(more: dict[str, object]) -> None:
    with pytest.raises(PolicyError):
        ask(RULES, READ, **more)


def test_entities_and_a_schema_of_ones_own() -> None:
    entities = [
        {
            "uid": {"type": "Dataset", "id": "crm/acme/x"},
            "attrs": {"owner": "t"},
            "parents": [{"type": "Tenant", "id": "acme"}],
        }
    ]
    rules = """permit(principal, action, resource is Dataset)
    when { resource has owner && resource.owner == context.tool };"""
    assert ask(rules, READ, entities=entities, schema=LOOSE).effect == "allow"
    assert ask(rules, READ, schema=LOOSE).effect == "deny"


@given(
    st.builds(
        Request,
        tool=st.text(),
        operation=st.sampled_from(["", "read", "send", "fly", "\ud800"]) | st.text(),
        dataset=st.sampled_from(["", "crm/acme/x", "crm/fjord/x"]) | st.text(),
        tenant=st.sampled_from(["acme", "fjord"]) | st.text(min_size=1),
        session=st.text(),
        identity=st.text(),
        actors=st.lists(st.text(), max_size=3).map(tuple),
        approval=st.text(),
        time=st.integers(),
    )
)
def test_whatever_is_asked_only_the_owners_data_is_read(request: Request) -> None:
    """No text in a request makes Cedar raise past us, or allow what the rules do not."""
    try:
        found = CEDAR.decide(request)
    except Exception:  # `check` makes it indeterminate
        return
    if found.effect == "allow":
        own = request.dataset.startswith(f"crm/{request.tenant}/")
        assert (request.operation in ("read", "list") and own) or (
            request.operation == "send" and request.approval
        )
    assert CEDAR.decide(Request.from_json(request.to_json())) == found


def test_a_file_of_policies(tmp_path: Path) -> None:
    (tmp_path / "rules.cedar").write_text(RULES)
    assert CedarPolicy.read(tmp_path / "rules.cedar", owners=OWNERS).decide(READ) == CEDAR.decide(
        READ
    )
    (tmp_path / "bad.cedar").write_text("permit(")
    for name in ("bad.cedar", "none.cedar"):
        with pytest.raises(PolicyError, match=name):
            CedarPolicy.read(tmp_path / name)


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
