"""Cedar policies: refused when read if they could fail, and no request slips past them."""

from dataclasses import replace
from pathlib import Path

import pytest
from cedar_rules import CEDAR, OWNERS, READ, RULES
from hypothesis import given
from hypothesis import strategies as st

from partywall.cedar import CedarPolicy
from partywall.errors import PolicyError
from partywall.policy import Decision, Request


def ask(rules: str, request: Request, **more: object) -> Decision:
    return CedarPolicy(rules, **more).decide(request)  # pyright: ignore[reportArgumentType]  # by name


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
