"""Up to three spans of one call, and the doubles of two instrumentors, are one call."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import YEAR, Case, Cases, Findings, only

from partywall_analyzer import Proof, Verdict
from partywall_analyzer.model import Ref
from partywall_analyzer.observations import Emitter, Observation, one_calls
from partywall_analyzer.testing import Log
from partywall_collector.registry import Approval, DatasetOwner, Record, Tenant

REGISTRY: list[Record] = [
    *(Tenant(id=name) for name in ("acme", "fjord")),
    DatasetOwner(pattern="crm/acme/*", owner="acme"),
    DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
    Approval(
        id="CHG-1",
        tenant="fjord",
        grantee="acme",
        request="approved-at-the-framework-only",
        datasets=("crm/fjord/*",),
        operations=("read",),
        valid_from=YEAR,
    ),
]
CLIENT, SERVER, INSIDE = 3, 2, 1
FRAMEWORK: dict[str, Any] = {"scope": "framework", "kind": INSIDE}
MCP: dict[str, Any] = {"scope": "mcp"}

CASES = Cases()
case = CASES.case


def three(log: Log, s: str, server: dict[str, Any] | None = None, **more: Any) -> None:
    """A framework's span, the client's below it, a span of the transport, and the server's."""
    own: dict[str, Any] = {"session": s, "request": s, "reads": ["crm/fjord/1"], "tool": "look"}
    top = log.call("acme", at=1, lasts=9, **own, **FRAMEWORK, **more)
    client = log.call("acme", at=2, lasts=7, parent=top, **own, **MCP, kind=CLIENT)
    wire = log.step("acme", "POST", at=3, lasts=5, parent=client, session=s, request=s)
    # The clock of the server is half a minute behind.
    own |= server or {}
    log.call("acme", at=-26, lasts=3, parent=wire, **own, **MCP, kind=SERVER)


@case("three-spans", "foreign-dataset")
def _(log: Log, s: str) -> None:
    three(log, s)


@case("three-spans-with-arguments", "foreign-dataset")
def _(log: Log, s: str) -> None:
    three(log, s, {"values_in": [1]}, values_in=[1, 2])


@case("the-server-agrees", "foreign-dataset")
def _(log: Log, s: str) -> None:
    told = {"columns": {"call_id": "c-1"}}
    three(log, s, told | {"principal": "crm"}, **told)


@case("the-server-names-another-dataset", "foreign-dataset", "foreign-dataset")
def _(log: Log, s: str) -> None:
    told = {"columns": {"call_id": "c-1"}}
    three(log, s, told | {"principal": "crm", "reads": ["crm/fjord/2"]}, **told)


@case("the-server-agrees-on-a-later-call", "foreign-dataset")
def _(log: Log, s: str) -> None:
    log.call("acme", at=-99, session=s, request=s, reads=["crm/fjord/1"], tool="look")
    told = {"columns": {"call_id": "c-1"}}
    three(log, s, told | {"principal": "crm"}, **told)


@case("both-sides-tell-of-a-party", "foreign-party")
def _(log: Log, s: str) -> None:
    own: dict[str, Any] = {"session": s, "request": s, "tool": "mail"}
    own |= {"sends": [("email", "bo@supplier.example")], "columns": {"call_id": "c-1"}}
    top = log.call("acme", at=1, lasts=9, **own, **FRAMEWORK)
    log.call("acme", at=2, parent=top, **own, **MCP, kind=SERVER, principal="mail")


@case("the-server-tells-of-another-call", "foreign-dataset")
def _(log: Log, s: str) -> None:
    other = {"columns": {"call_id": "c-2"}, "principal": "crm"}
    three(log, s, other, columns={"call_id": "c-1"})


@case("approved-at-the-framework-only", "foreign-dataset")
def _(log: Log, s: str) -> None:
    three(log, s, approval="CHG-1")


@case("denied-at-the-server-only", "denied-call", "foreign-dataset")
def _(log: Log, s: str) -> None:
    three(log, s, {"policy": "p-1", "decision": "Denied"}, decision="allow")


@case("only-the-server-knows-the-dataset", "foreign-dataset")
def _(log: Log, s: str) -> None:
    own: dict[str, Any] = {"session": s, "request": s, "tool": "look"}
    top = log.call("acme", at=1, lasts=9, **own, **FRAMEWORK)
    log.call("acme", at=2, parent=top, reads=["crm/fjord/1"], **own, **MCP, kind=SERVER)


@case("two-instrumentors-side-by-side", "foreign-dataset")
def _(log: Log, s: str) -> None:
    own: dict[str, Any] = {"session": s, "reads": ["crm/fjord/1"], "tool": "look"}
    run = log.agent("acme", session=s)
    for at, values in ((1, [1]), (1.5, [2])):
        log.call("acme", at=at, lasts=5, parent=run, values_in=values, scope="one", **own)
        log.call("acme", at=at + 0.1, lasts=5, parent=run, values_in=values, scope="two", **own)


@case("two-calls-at-once", "foreign-dataset")
def _(log: Log, s: str) -> None:
    own: dict[str, Any] = {"session": s, "reads": ["crm/fjord/1"], "tool": "look"}
    run = log.agent("acme", session=s)
    for values in ([1], [1], [2]):
        log.call("acme", at=1, lasts=5, parent=run, values_in=values, scope="one", **own)


@case("a-sub-agent-calls-the-same-tool", "foreign-dataset")
def _(log: Log, s: str) -> None:
    own: dict[str, Any] = {"session": s, "reads": ["crm/fjord/1"], "tool": "look"}
    top = log.call("acme", at=1, lasts=9, scope="one", **own)
    below = log.agent("acme", at=2, lasts=7, parent=top, session=s)
    log.call("acme", at=3, parent=below, scope="two", **own)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """The findings of every case: all lie in one store, and are analyzed once."""
    return CASES.analyzed(tmp_path_factory.mktemp("observations"), REGISTRY)


@pytest.mark.parametrize("planted", CASES, ids=lambda case: case.name)
def test_each_case_is_found(findings: Findings, planted: Case) -> None:
    """One finding for each, whatever the number of observations."""
    assert tuple(sorted(found.rule for found in findings[planted.name])) == planted.found


COUNTS = {
    "three-spans": (1, 2),
    "three-spans-with-arguments": (1, 2),
    "the-server-agrees": (1, 2),
    "the-server-tells-of-another-call": (2, 1),
    "only-the-server-knows-the-dataset": (1, 1),
    "two-instrumentors-side-by-side": (2, 2),
    "two-calls-at-once": (3, 0),
    "a-sub-agent-calls-the-same-tool": (2, 0),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_finding_lists_each_call_once(findings: Findings, name: str) -> None:
    """The other spans of its calls are told as observations."""
    finding = only(findings, name, "foreign-dataset")
    assert (len(finding.calls), len(finding.evidence.observations)) == COUNTS[name]
    assert not {*finding.calls} & {*finding.evidence.observations}
    drawn = [node for node in finding.chain.nodes if node.kind == "tool"]
    assert len(drawn) == (2 if name.startswith("a-sub") else 1) or len(finding.calls) > 1
    for times in ("2 times", "3 times"):
        assert (times in finding.sentence) == (times == f"{len(finding.calls)} times")


def test_a_call_is_judged_by_the_strongest_that_is_known_of_it(findings: Findings) -> None:
    """An approval that one span cites covers the call, a denial that one tells of denies it."""
    assert only(findings, "approved-at-the-framework-only", "foreign-dataset").verdict is (
        Verdict.AUTHORISED
    )
    denied = only(findings, "denied-at-the-server-only", "foreign-dataset")
    assert "policy.denied" in denied.reasons
    assert only(findings, "three-spans", "foreign-dataset").attestation == "A1"
    assert only(findings, "the-server-agrees", "foreign-dataset").attestation == "A3"
    assert only(findings, "the-server-tells-of-another-call", "foreign-dataset").attestation == "A1"


@pytest.mark.parametrize(
    ("name", "rule", "proof"),
    [
        ("the-server-agrees", "foreign-dataset", Proof.P4),
        ("the-server-agrees-on-a-later-call", "foreign-dataset", Proof.P4),
        ("both-sides-tell-of-a-party", "foreign-party", Proof.P4),
        ("three-spans", "foreign-dataset", Proof.P2),
        ("the-server-tells-of-another-call", "foreign-dataset", Proof.P2),
    ],
)
def test_what_both_sides_tell_of_is_proven(
    findings: Findings, name: str, rule: str, proof: Proof
) -> None:
    """A verified server of its own that names the same dataset or party; without it, less."""
    found = only(findings, name, rule)
    assert found.proof is proof
    assert ("Proven by what the caller and the called side both" in found.sentence) == (
        proof is Proof.P4
    )
    assert found.chain.hops


def test_a_server_that_names_another_dataset_agrees_on_neither(findings: Findings) -> None:
    """What only one side names is declared (P2), whoever it is."""
    proofs = {found.dataset: found.proof for found in findings["the-server-names-another-dataset"]}
    assert proofs == {"crm/fjord/1": Proof.P2, "crm/fjord/2": Proof.P2}


def look(number: int, start: int, end: int, **more: Any) -> Observation:
    """A span that tells of a call of one tool."""
    return Observation(ref=Ref("t", f"{number:06}"), start=start, end=end, tool="look", **more)


@given(st.integers(1, 8), st.integers(0, 4), st.randoms())
def test_any_number_of_nested_observations_in_any_order_is_one_call(
    spans: int, between: int, chance: random.Random
) -> None:
    """Each by an emitter of its own, with spans of a transport between them."""
    seen = [look(10 * number, number, 100 - number) for number in range(spans)]
    emitters = {Ref("t", f"{n:06}"): Emitter(f"{n - 1:06}") for n in range(1, 10 * spans)}
    for number in range(spans):
        parent = f"{10 * (number - 1) + between:06}" if number else ""
        emitters[Ref("t", f"{10 * number:06}")] = Emitter(parent, "tool", 0, f"scope-{number}")
    chance.shuffle(seen)
    calls = one_calls(seen, emitters)
    if spans == 1:
        assert not calls
    else:
        assert [call.spans[0] for call in calls] == [Ref("t", "000000")]
        assert len(calls[0].spans) == spans


def test_a_cycle_of_parents_ends() -> None:
    """Two spans that are each other's parents, and one that is its own."""
    seen = [look(number, 0, 9) for number in range(3)]
    emitters = {
        Ref("t", "000000"): Emitter("000001", "tool", 0, "a"),
        Ref("t", "000001"): Emitter("000000", "tool", 0, "b"),
        Ref("t", "000002"): Emitter("000002", "tool", 0, "c"),
    }
    assert len(one_calls(seen, emitters)) <= 1


def test_a_trace_of_200_000_spans_is_looked_through_once() -> None:
    """A deep one and a wide one: what is compared with each is bounded."""
    count = 200_000
    below = {Ref("t", f"{n:06}"): Emitter(f"{n - 1:06}", "", 0, "a") for n in range(count)}
    deep = [look(n, n, 2 * count - n) for n in (0, count - 1)]
    below[deep[-1].ref] = Emitter(f"{count - 2:06}", "tool", 0, "b")
    assert [len(call.spans) for call in one_calls(deep, below)] == [2]
    some = range(20_000)
    wide = [look(n, 0, 9, arguments=frozenset([n // 2])) for n in some]
    beside = {each.ref: Emitter("", "tool", 0, "ab"[n % 2]) for n, each in enumerate(wide)}
    assert len(one_calls(wide, beside)) == len(some) // 2
