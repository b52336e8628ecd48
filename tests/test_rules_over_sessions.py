"""Rules that look past one session: a planted crossing each, and twins that differ in one fact."""

from typing import Any

import pytest
from planted import YEAR, Case, Cases, Findings, at, only

from partywall_analyzer import Proof, Severity, Verdict
from partywall_analyzer.testing import Log
from partywall_collector.registry import Approval, Credential, DatasetOwner, Record, Tenant

REGISTRY: list[Record] = [
    *(Tenant(id=name) for name in ("acme", "fjord", *(f"t{n}" for n in range(9)))),
    DatasetOwner(pattern="crm/acme/*", owner="acme"),
    DatasetOwner(pattern="crm/fjord/*", owner="fjord"),
    DatasetOwner(pattern="docs/*", ownership="commons"),
    DatasetOwner(pattern="scratch/*", ownership="shared"),
    Credential(id="short", tenant="acme", issued=at(-9), expires=at(10)),
    Credential(id="withdrawn", tenant="acme", issued=at(-9), revoked=at(30)),
    Credential(id="withdrawn-too", tenant="acme", issued=at(-9), revoked=at(30)),
    Approval(
        id="CHG-lent",
        tenant="acme",
        grantee="fjord",
        request="*",
        datasets=("crm/acme/*",),
        operations=("read",),
        valid_from=YEAR,
    ),
]


CASES = Cases()
case = CASES.case


# --- stale-credential --------------------------------------------------------------------------


@case("uses-it-after-it-expired", "stale-credential")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="short", at=9)
    log.call("acme", session=s, request=s, credential="short", at=10)
    log.call("acme", session=s, request=s, credential="short", at=11, writes=["crm/acme/1"])


@case("uses-it-before-it-expires")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="short", at=9)


@case("is-refused-after-it-expired")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="short", at=11, failed=True)


@case("uses-it-after-it-was-revoked", "stale-credential")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="withdrawn", at=31)


@case("uses-it-before-it-is-revoked")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, credential="withdrawn", at=29)


@case("lends-after-it-was-revoked", "shared-credential")
def _(log: Log, s: str) -> None:
    log.call("fjord", session=s, request=s, credential="withdrawn-too", at=31)


# --- relay -------------------------------------------------------------------------------------


def relay(
    log: Log,
    s: str,
    value: int,
    *,
    source: str = "fjord",
    sink: str = "acme",
    put: str = "scratch/board",
    put_at: float = 3,
    taken: str = "scratch/board",
    moved: int = 0,
) -> None:
    """One session puts a value on the board; a later one takes it from there and writes it down."""
    home, values = f"{s}-home", [value, value + 1]
    run = log.agent(source, session=home, lasts=100)
    log.call(source, session=home, parent=run, reads=[f"crm/{source}/1"], values_out=values)
    log.call(source, session=home, parent=run, at=put_at, writes=[put], values_in=values)
    own: dict[str, Any] = {"session": s, "request": s}
    run = log.agent(sink, at=40, lasts=100, **own)
    log.call(sink, parent=run, at=50, reads=[taken], values_out=values, **own)
    into = [moved] if moved else values
    log.call(sink, parent=run, at=60, writes=[f"crm/{sink}/2"], values_in=into, **own)


@case("relays", "relay")
def _(log: Log, s: str) -> None:
    relay(log, s, 201)


@case("relays-in-traces-of-their-own", "relay")
def _(log: Log, s: str) -> None:
    log.call("fjord", session=f"{s}-home", at=1, reads=["crm/fjord/1"], values_out=[205])
    log.call("fjord", session=f"{s}-home", at=3, writes=["scratch/board"], values_in=[205])
    log.call("acme", session=s, request=s, at=50, reads=["scratch/board"], values_out=[205])
    log.call("acme", session=s, request=s, at=60, writes=["crm/acme/2"], values_in=[205])


@case("relays-under-a-grant", "relay")
def _(log: Log, s: str) -> None:
    relay(log, s, 211, source="acme", sink="fjord")


@case("relays-at-home")
def _(log: Log, s: str) -> None:
    relay(log, s, 221, sink="fjord")


@case("relays-what-was-put-there-later")
def _(log: Log, s: str) -> None:
    relay(log, s, 231, put_at=115)


@case("relays-by-clocks-that-differ", "relay")
def _(log: Log, s: str) -> None:
    home: dict[str, Any] = {"session": f"{s}-home", "values_out": [235, 236]}
    log.call("fjord", at=76, reads=["crm/fjord/1"], **home)
    home = {"session": f"{s}-home", "values_in": [235, 236]}
    log.call("fjord", at=79, writes=["scratch/board"], **home)
    run = log.agent("acme", session=s, request=s, at=40, lasts=30)
    own: dict[str, Any] = {"session": s, "request": s, "parent": run}
    log.call("acme", at=50, reads=["scratch/board"], values_out=[235, 236], **own)
    log.call("acme", at=60, writes=["crm/acme/2"], values_in=[235, 236], **own)


@case("relays-from-another-board")
def _(log: Log, s: str) -> None:
    relay(log, s, 241, taken="scratch/other")


@case("relays-another-value")
def _(log: Log, s: str) -> None:
    relay(log, s, 251, moved=259)


@case("relays-what-was-published")
def _(log: Log, s: str) -> None:
    relay(log, s, 261, put="docs/board", taken="docs/board")


@case("relays-what-the-request-had-named")
def _(log: Log, s: str) -> None:
    log.call("acme", session=s, request=s, at=40, operation="search", values_in=[271, 272])
    relay(log, s, 271)


@case("relays-what-the-receiver-had")
def _(log: Log, s: str) -> None:
    log.call("acme", session=f"{s}-own", at=20, reads=["crm/acme/7"], values_out=[281, 282])
    relay(log, s, 281)


@case("relays-commonplace-values", "widespread-value", "widespread-value")
def _(log: Log, s: str) -> None:
    for number in range(9):
        log.call(
            f"t{number}",
            identity=f"agent:{number}",
            session=f"{s}-{number}",
            at=90,
            values_out=[291, 292],
        )
    relay(log, s, 291)


# --- tenant-mismatch ---------------------------------------------------------------------------


def answer(
    log: Log,
    s: str,
    value: int,
    *,
    server: str = "crm-pool",
    more: tuple[int, ...] = (),
) -> None:
    """A server shows fjord a row of its own, and then gives acme the same row as acme's."""
    log.call(
        "fjord",
        session=f"{s}-home",
        reads=["crm/fjord/1"],
        values_out=[value],
        columns={"server": "crm-pool"},
    )
    log.call(
        "acme",
        session=s,
        request=s,
        at=50,
        reads=["crm/acme/1"],
        values_out=[value, *more],
        columns={"server": server},
    )


@case("is-given-a-row-of-another", "tenant-mismatch")
def _(log: Log, s: str) -> None:
    answer(log, s, 301)


@case("is-given-a-row-by-another-server")
def _(log: Log, s: str) -> None:
    answer(log, s, 311, server="crm-acme")


@case("is-given-a-row-that-shares-a-value")
def _(log: Log, s: str) -> None:
    answer(log, s, 321, more=(322, 323))


@case("is-given-a-row-of-another-among-own", "tenant-mismatch")
def _(log: Log, s: str) -> None:
    row: dict[str, Any] = {
        "session": f"{s}-home",
        "reads": ["crm/fjord/1"],
        "columns": {"server": "crm-pool"},
    }
    log.call("fjord", values_out=[326], **row)
    answer(log, s, 325, more=(326, 327, 328, 329))


@case("is-given-a-row-that-it-knew")
def _(log: Log, s: str) -> None:
    log.call("acme", session=f"{s}-own", at=0, writes=["crm/acme/1"], values_in=[331])
    answer(log, s, 331)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return CASES.analyzed(tmp_path_factory.mktemp("rules") / "home", REGISTRY)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_a_case_is_found_and_its_twin_is_not(findings: Findings, each: Case) -> None:
    """Each rule speaks of its own crossing, and is silent once one fact differs."""
    assert sorted(finding.rule for finding in findings[each.name]) == sorted(each.found)


def test_no_finding_comes_from_nowhere(findings: Findings) -> None:
    """Sessions that only help a case are clean."""
    assert {name for name, found in findings.items() if found} <= {case.name for case in CASES}


def test_a_relay_is_proved_over_the_place_where_it_was_put(
    findings: Findings,
) -> None:
    """Read, written, read by the other session, written down: the way leads over the board."""
    found = only(findings, "relays", "relay")
    assert (found.from_tenant, found.to_tenant) == ("fjord", "acme")
    assert (found.verdict, found.severity) == (Verdict.UNAUTHORISED, Severity.CRITICAL)
    assert found.proof is Proof.P3
    assert len(found.sources) == 1
    nodes = {node.id: node.label for node in found.chain.nodes}
    way = [nodes[hop.target] for hop in found.chain.hops]
    assert "scratch/board" in way
    assert way[-1] == "crm/acme/2"
    assert [nodes[hop.source] for hop in found.chain.hops if hop.crossing] == ["scratch/board"]


def test_the_first_tenant_may_let_its_data_be_relayed(findings: Findings) -> None:
    """An approval of the tenant whose data it is covers the relay, which stays on record."""
    found = only(findings, "relays-under-a-grant", "relay")
    assert (found.verdict, found.severity) == (Verdict.AUTHORISED, Severity.INFO)
    assert found.evidence.records[0].id == "CHG-lent"


def test_a_wrong_answer_names_whose_data_it_holds(findings: Findings) -> None:
    """The call is the tenant's own; what it was given is another's."""
    found = only(findings, "is-given-a-row-of-another", "tenant-mismatch")
    assert (found.from_tenant, found.to_tenant) == ("acme", "fjord")
    assert (found.verdict, found.severity) == (Verdict.UNAUTHORISED, Severity.HIGH)
    assert "crm/fjord/1 of fjord" in found.sentence
    assert any(hop.crossing for hop in found.chain.hops)


@pytest.mark.parametrize(
    ("name", "reason", "calls"),
    [
        ("uses-it-after-it-expired", "credential.expired", 2),
        ("uses-it-after-it-was-revoked", "credential.revoked", 1),
    ],
)
def test_a_stale_credential_is_held_against_the_calls_after_its_end(
    findings: Findings, name: str, reason: str, calls: int
) -> None:
    """Its end is the first moment at which it no longer counts; what came before is no matter."""
    found = only(findings, name, "stale-credential")
    assert (found.verdict, found.severity) == (Verdict.UNAUTHORISED, Severity.HIGH)
    assert found.reasons == (reason,)
    assert (found.from_tenant, found.to_tenant) == ("acme", "acme")
    assert found.first_seen >= at(10)
    assert found.evidence.answers[2].answer.startswith("credential ")
    assert not any(hop.crossing for hop in found.chain.hops)
    assert len(found.calls) == calls


def test_what_is_lent_after_its_end_says_so(findings: Findings) -> None:
    """One finding tells both."""
    found = only(findings, "lends-after-it-was-revoked", "shared-credential")
    assert "credential.revoked" in found.reasons
