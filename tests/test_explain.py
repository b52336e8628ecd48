"""Sentences and pictures: plain, right about what is proven, and safe whatever a span says."""

import io
import unicodedata
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from partywall_analyzer.chains import draw
from partywall_analyzer.explain import Speaker, Told, duration
from partywall_analyzer.model import Candidate as Found
from partywall_analyzer.model import (
    Chain,
    Crossing,
    Evidence,
    Finding,
    Hop,
    Node,
    Proof,
    Ref,
    Severity,
    Verdict,
)
from partywall_analyzer.names import LONGEST, clean
from partywall_analyzer.picture import lanes, print_finding
from partywall_analyzer.rules import rule, rules
from partywall_analyzer.spans import Access, Span
from partywall_analyzer.verdict import REASONS, Judge, Judgement
from partywall_analyzer.weave import Weave
from partywall_collector.registry import Registry, Tenant

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TRACE = "0a" * 16
HOSTILE = [
    "\x1b[2J\x1b[31mroot\x07",
    "a\r\nINFO all is well",
    "\u202egnp.exe\u2066",
    "[bold]x[/bold] <script>",
    "{to_name} {0} %s",
    "x" * 10_000,
    "\ud800\udfff",
]


def told(name: str, rule_id: str = "foreign-dataset", proof: Proof = Proof.P2) -> Told:
    """A finding in which every name is the given one."""
    crossing = Crossing(NINE, Ref(TRACE, "b" * 16), None, name)
    span = Span(
        trace_id=TRACE,
        span_id="b" * 16,
        start=0,
        end=5,
        tenant_id=name,
        session_id=name,
        request_id=name,
        step="tool",
        tool=name,
        agent=name,
        identity=name,
        subject=name,
        datasets=(Access(name, "read"),),
    )
    candidate = Found(
        rule=rule_id,
        subject=name,
        from_tenant=name,
        to_tenant="fjord",
        session_tenant=name,
        crossings=(crossing,),
        count=1,
        first_seen=NINE,
        last_seen=NINE,
        session_id=name,
        request_id=name,
        agent=name,
        identity=name,
        credential_id=name,
        approval_id=name,
        policy_id=name,
        policy_decision=name,
        dataset=name,
        party_kind="email",
        party=name if rule_id == "foreign-party" else "",
        operation=name,
        tool=name,
        attestation="A1",
    )
    return Told(
        rule=rule(rule_id),
        candidate=candidate,
        judgement=Judge(Registry([])).judge(candidate),
        proof=proof,
        attestation="A1",
        count=1,
        first_seen=NINE,
        last_seen=NINE,
        sink=span,
        source=span,
        source_dataset=name,
        why_party=name,
    )


def is_safe(text: str) -> bool:
    """No control, format, surrogate or private character, and one line."""
    return not any(unicodedata.category(letter).startswith(("C", "Zl", "Zp")) for letter in text)


@pytest.mark.parametrize("rule_id", [each.id for each in rules()])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_no_harm(rule_id: str, name: str) -> None:
    """A name from a span cannot move a cursor, break a line, turn text or fill a template."""
    about = told(name, rule_id)
    speaker = Speaker(Registry([]))
    chain = draw(about, Weave([about.sink] if about.sink else []), None)
    said = [speaker.title(about), speaker.sentence(about)]
    said += [text for a in speaker.answers(about) for text in (a.answer, a.proof)]
    said += [node.label for node in chain.nodes] + [hop.label for hop in chain.hops]
    said += [node.id for node in chain.nodes]
    assert all(is_safe(text) for text in said)
    assert max(len(text) for text in said) < 20 * LONGEST


@given(st.text(max_size=400), st.integers(2, 200))
def test_a_cleaned_name_is_safe_short_and_stays_so(name: str, longest: int) -> None:
    """Cleaning twice changes nothing more."""
    cleaned = clean(name, longest)
    assert is_safe(cleaned)
    assert len(cleaned) <= longest
    assert clean(cleaned, longest) == cleaned


def test_an_ordinary_name_is_left_alone() -> None:
    """Other scripts and signs are no attack."""
    for name in ("Åse Øvre-Nilsen", "postgres://crm:5432/acme.orders", "東京支店", "agent/7"):
        assert clean(name) == name


def test_the_word_proven_is_used_from_p3_up() -> None:
    """Below it the sentence says what it was shown by."""
    speaker = Speaker(Registry([]))
    for proof in Proof:
        said = speaker.sentence(told("acme", "flow", proof))
        assert ("Proven by" in said) is (proof >= Proof.P3)
        assert f"({proof})" in said


def test_tenants_are_called_by_their_names() -> None:
    """The registry's name where it has one, else the id."""
    speaker = Speaker(Registry([Tenant(id="acme", name="Acme Logistics")]))
    assert speaker.title(told("acme")) == "Acme Logistics reached a dataset of fjord"


def test_every_reason_has_words() -> None:
    """A code that nothing explains would reach an analyst as a code."""
    for reason in REASONS:
        judgement = Judgement(Verdict.UNAUTHORISED, (reason,), "Approval CHG-1 of fjord")
        about = told("acme")
        said = Speaker(Registry([])).cover(
            Told(
                rule=about.rule,
                candidate=about.candidate,
                judgement=judgement,
                proof=Proof.P2,
                attestation="A1",
                count=2,
                first_seen=NINE,
                last_seen=NINE,
            )
        )
        assert "{" not in said
        assert said.endswith(".")


def test_times_are_told_as_a_person_would() -> None:
    """Seconds, minutes, hours, days."""
    assert [duration(s) for s in (-5, 0.25, 90, 600, 7_200, 200_000)] == [
        "0 ms",
        "250 ms",
        "90 s",
        "10 minutes",
        "2 hours",
        "2 days",
    ]


def finding(chain: Chain) -> Finding:
    """Some finding with this chain."""
    return Finding(
        id="F-" + "1" * 24,
        rule="flow",
        title="Data of acme went to fjord",
        sentence="It did.",
        severity=Severity.CRITICAL,
        verdict=Verdict.UNAUTHORISED,
        reasons=("approval.missing",),
        proof=Proof.P3,
        attestation="A1",
        from_tenant="acme",
        to_tenant="fjord",
        subject="s",
        session_id="s",
        request_id="r",
        trace_id=TRACE,
        agent="a",
        identity="i",
        credential_id="",
        dataset="d",
        party="",
        operation="write",
        first_seen=NINE,
        last_seen=NINE,
        calls=(Ref(TRACE, "b" * 16),),
        sources=(),
        chain=chain,
        evidence=Evidence(),
    )


def drawn(chain: Chain, width: int) -> list[str]:
    """The lines of a finding on a terminal without colour."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_finding(finding(chain), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def a_chain(*tenants: str) -> Chain:
    """A call in the lane of each tenant, one after the other, and back to the first."""
    nodes = [Node(f"n{at}", "tool", f"step {at}", tenant) for at, tenant in enumerate(tenants)]
    path = [*nodes, nodes[0]]
    hops = [
        Hop(one.id, other.id, "carried", Proof.P3, crossing=one.tenant != other.tenant)
        for one, other in pairwise(path)
    ]
    return Chain(tuple(nodes), tuple(hops))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("tenants", [("a", "b"), ("a", "a", "b", "c"), tuple("abcdefgh"), ()])
def test_a_picture_fits_the_terminal_and_marks_the_crossing(
    tenants: tuple[str, ...], width: int
) -> None:
    """No line is wider than the terminal, every step is there, and colour is not needed."""
    lines = drawn(a_chain(*tenants) if tenants else Chain(), width)
    assert max(len(line) for line in lines) <= min(width, 100)
    text = " ".join(lines)
    for at in range(len(tenants)):
        assert f"step {at}" in text
    if len(set(tenants)) > 1:
        assert "CROSSES" in text


def test_lanes_stand_in_order_of_appearance_and_outside_is_last() -> None:
    """The first lane is the tenant where it began."""
    assert lanes(a_chain("b", "outside", "a")) == ["b", "a", "outside"]


def test_markup_in_a_name_is_shown_and_not_obeyed() -> None:
    """`[red]` is three letters and two brackets."""
    node = Node("n", "tool", "[red]x[/red] :smile:", "a")
    lines = drawn(Chain((node, Node("m", "tool", "y", "b")), (Hop("n", "m", "z", Proof.P1),)), 100)
    assert any("[red]x[/red] :smile:" in line for line in lines)


def test_a_finding_survives_the_ledger() -> None:
    """Row and back: the same content, the same revision; another fact, another revision."""
    one = finding(a_chain("a", "b"))
    row = one.to_row(NINE) | {
        f"{name}_us": round(NINE.timestamp() * 1e6)
        for name in ("first_seen", "last_seen", "recorded_at")
    }
    back = Finding.from_row(row)
    assert back.revision == one.revision
    assert back.chain == one.chain
    assert finding(a_chain("a", "c")).revision != one.revision
