"""Who: the agent and the person of a call, also where only the run above it names them."""

from partywall_analyzer import OPERATOR, who
from partywall_analyzer.testing import Log
from partywall_collector.store import Store


def test_who_is_named_by_the_agent_run_above_the_call(store: Store) -> None:
    """Frameworks name agent and person on the run only; another tenant's run says nothing."""
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
