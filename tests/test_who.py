"""Who: by any key, as of any time, also where only the run above a call names agent and person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from planted import YEAR, at

from partywall_analyzer import OPERATOR, Scope, who
from partywall_analyzer.testing import START, Log
from partywall_collector.registry import FOREVER, Approval, Credential, DatasetOwner, Tenant
from partywall_collector.registry.load import write
from partywall_collector.store import Store


def test_who_is_named_by_the_agent_run_above_the_call(store: Store) -> None:
    """Frameworks name agent and person on the run only; another tenant's run says nothing."""
    write([Tenant(id="acme"), Tenant(id="fjord")], store)
    log = Log(store)
    run = log.agent("acme", agent="planner")
    call = log.call("acme", parent=run, agent="", at=5)
    other = log.call("fjord", parent=run, agent="", at=6)
    log.write()
    rows = {row.span_id: row for row in who(store, OPERATOR)}
    answer = rows[call.span_id].answers[0]
    assert (answer.answer, answer.proven) == ("planner", True)
    assert run.span_id in answer.proof
    assert not rows[other.span_id].answers[0].proven


def test_who_is_asked_by_any_key_together(store: Store) -> None:
    """Request, session, agent (also where only its run names it), party, and a span of time."""
    write([Tenant(id="acme"), Tenant(id="fjord")], store)
    log = Log(store)
    run = log.agent("acme", agent="planner", session="s-7", request="REQ-7")
    told: dict[str, Any] = {"session": "s-7", "request": "REQ-7", "agent": ""}
    mail = log.call("acme", parent=run, sends=[("email", "anna@fjord.example")], at=5, **told)
    late = log.call("acme", parent=run, agent="", session="s-8", request="REQ-8", at=60)
    log.call("fjord", at=5)
    log.write()

    def spans(**keys: Any) -> set[str]:
        return {row.span_id for row in who(store, OPERATOR, **keys)}

    for keys in (
        {"request": "REQ-7"},
        {"session": "s-7", "tenant": "acme"},
        {"party": "Anna@fjord.*"},
        {"agent": "planner", "until": at(60)},
    ):
        assert spans(**keys) == {mail.span_id}, keys
    assert spans(agent="planner") == {mail.span_id, late.span_id}
    assert spans(agent="planner", since=at(60)) == {late.span_id}
    assert spans(session="s-7", tenant="fjord") == set()
    assert len(spans(since=datetime.min.replace(tzinfo=UTC), until=FOREVER)) == 3


def test_an_answer_as_of_a_time_is_the_one_that_could_be_given_then(store: Store) -> None:
    """Owner, approval and credential are those that were recorded; later calls are not there."""
    tenants = [Tenant(id="acme"), Tenant(id="fjord"), Tenant(id="gate")]
    approval = Approval(
        id="CHG-1", tenant="fjord", grantee="acme", request="*", approver="p.h@fjord",
        datasets=("crm/*",), valid_from=YEAR, valid_until=at(3600), recorded=YEAR,
    )  # fmt: skip
    credential = Credential(id="c-1", tenant="acme", issued=YEAR)
    owner = DatasetOwner(pattern="crm/*", owner="fjord")
    write([*tenants, owner, approval, credential], store)
    first = datetime.now(UTC)
    log = Log(store)
    log.call("acme", reads=["crm/1"], credential="c-1", approval="CHG-1", at=10)
    log.call("acme", reads=["crm/1"], at=(datetime.now(UTC) - START).total_seconds() + 1e6)
    log.write()
    ended = replace(credential, revoked=at(5)), replace(approval, valid_until=at(5))
    write([replace(owner, owner="gate"), *ended], store)

    (then,) = who(store, OPERATOR, dataset="crm/1", as_of=first)
    now = who(store, OPERATOR, dataset="crm/1", until=at(100))[0]
    assert (then.owners, now.owners) == (("fjord",), ("gate",))
    questions = [answer.question for answer in then.answers]
    assert questions[3:] == ["Using which identity", "By which approval"]
    assert [answer.proven for answer in then.answers[2:]] == [True, True, True]
    assert [answer.proven for answer in now.answers[2:]] == [True, False, False]
    assert then.answers[4].proof.startswith("valid then: given by fjord (p.h@fjord), from 2026-")
    assert now.answers[3].proof.startswith("revoked before: ")
    assert now.answers[4].proof.startswith("expired before: ")
    (before,) = who(store, OPERATOR, dataset="crm/1", as_of=at(20))
    assert "does not know" in before.answers[3].proof
    assert "does not know" in before.answers[4].proof
    assert before.answers[2].proof == "no owner in the registry"


def test_an_approval_counts_from_when_it_was_recorded(store: Store) -> None:
    """One that came, or was prolonged, only after the call says so, whatever time it speaks of."""
    approval = Approval(id="CHG-1", tenant="fjord", grantee="acme", request="*", valid_from=YEAR)
    write([Tenant(id="acme"), Tenant(id="fjord")], store)
    begun = datetime.now(UTC)
    calls = Log(store)
    for seconds in (-7200, 3600):
        when = (begun - START).total_seconds() + seconds
        calls.call("acme", reads=["crm/1"], approval="CHG-1", at=when)
    calls.write()

    def answers() -> list[tuple[str, bool]]:
        told = [row.answers[4] for row in who(store, OPERATOR)]
        return [(answer.proof.partition(":")[0], answer.proven) for answer in told]

    write([replace(approval, valid_until=begun - timedelta(hours=3))], store)
    assert answers() == [("expired before", False)] * 2
    write([replace(approval, valid_until=begun + timedelta(hours=3))], store)
    assert answers() == [("valid then", True), ("recorded only after the call", False)]
    write([replace(approval, recorded=begun - timedelta(hours=3))], store)
    assert answers() == [("valid then", True)] * 2


def test_a_reader_of_one_tenant_is_told_of_no_other(store: Store) -> None:
    """Whose the data is that it touched, and who let it, stands under a pseudonym."""
    given: dict[str, Any] = {"request": "*", "valid_from": YEAR, "recorded": YEAR}
    names = [Tenant(id="acme"), Tenant(id="fjord"), Tenant(id="gate")]
    approvals = [
        Approval(id="CHG-1", tenant="fjord", grantee="acme", approver="p.h@fjord", **given),
        Approval(id="CHG-2", tenant="fjord", grantee="gate", approver="p.h@fjord", **given),
    ]
    credential = Credential(id="c-1", tenant="gate", issued=YEAR)
    write([*names, *approvals, credential, DatasetOwner(pattern="crm/*", owner="fjord")], store)
    log = Log(store)
    log.call("acme", reads=["crm/1"], approval="CHG-1", credential="c-1", at=10)
    log.call("acme", reads=["crm/1"], approval="CHG-2", at=5)
    log.write()
    whole, half = who(store, OPERATOR), who(store, Scope(("acme",)))
    assert not any(name in str(half) for name in ("fjord", "gate"))
    assert half[0].owners == ("another-tenant",)
    assert [row.answers[4].proven for row in half] == [True, False]
    assert half[0].answers[4].proof.startswith("valid then: given by another-tenant, from")
    for answer in (half[0].answers[3], half[1].answers[4]):
        assert "the registry does not know" in answer.proof  # as of an id that does not exist
    assert whole[0].owners == ("fjord",)
    assert whole[0].answers[3].proof.startswith("issued for gate: ")
    assert whole[1].answers[4].proof.startswith("is for gate: given by fjord (p.h@fjord)")
    (_, giver) = who(store, Scope(("acme", "fjord")))
    assert giver.answers[4].proof.startswith("is for another-tenant: given by fjord (p.h@fjord)")


@pytest.mark.parametrize("index", ["by_request", "by_dataset", "by_party"])
def test_a_key_that_is_named_whole_is_found_by_its_index(store: Store, index: str) -> None:
    """Also a party that is written in other letters; what is nowhere reads nothing."""
    write([Tenant(id="acme")], store)
    log = Log(store)
    names = {
        "request": "REQ-7",
        "dataset": "crm/acme/7",
        "party": "\N{LATIN SMALL LETTER E WITH ACUTE}va@fjord.example",
    }
    call = log.call(
        "acme",
        request=names["request"],
        reads=[names["dataset"]],
        sends=[("email", names["party"])],
    )
    log.call("acme", at=5)
    log.write()
    key = index.removeprefix("by_")
    asked: dict[str, Any] = {key: names[key].upper() if key == "party" else names[key]}
    nowhere: dict[str, Any] = {key: "nowhere"}
    assert [row.span_id for row in who(store, OPERATOR, **asked)] == [call.span_id]
    read: list[tuple[str, dict[str, Any]]] = []
    rows = Store.rows

    def noted(self: Store, sql: str, params: Any = None) -> list[dict[str, Any]]:
        read.append((sql, params))
        return rows(self, sql, params)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "rows", noted)
        assert who(store, OPERATOR, **nowhere) == []
    sql, params = read[0]
    plan = [row["explain"].strip(" │") for row in store.rows(f"EXPLAIN indexes = 1 {sql}", params)]
    granules = next(line for line in plan[plan.index(f"Name: {index}") :] if "Granules" in line)
    assert granules.startswith("Granules: 0/")
