"""Who is told what and when: one alert a finding, one on a rise, one when it is done with."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partywall_analyzer.alerts.alert import Event, alert_id
from partywall_analyzer.alerts.config import AlertConfig
from partywall_analyzer.alerts.outbox import Key, Told
from partywall_analyzer.alerts.planning import Intent, Sight, plan
from partywall_analyzer.model import Severity
from partywall_collector.config_document import ConfigError, parse

CONFIG = """
targets: {stdout/soc: {}, stdout/acme: {}, stdout/fjord: {}, revocation/idp: {url: "http://i"}}
routes:
  - {target: stdout/soc, operator: true, severity: high}
  - {target: stdout/acme, tenant: acme, severity: medium}
  - {target: stdout/fjord, tenant: fjord, severity: medium, rules: [relay]}
contain:
  - {target: revocation/idp, severity: critical, tenant: acme}
"""
SIGHT = Sight(
    id="F-1",
    rule="flow",
    severity=Severity.HIGH,
    state="new",
    states={"acme": "new", "fjord": "new"},
    last_seen=100.0,
)


def config(text: str = CONFIG) -> AlertConfig:
    """What a file with this text says."""
    return AlertConfig.read(parse(text, "alerts.yaml"))


class World:
    """Remembers what was told, as the outbox does."""

    def __init__(self) -> None:
        self.told: dict[Key, Told] = {}
        self.ids: list[str] = []

    def look(self, *sights: Sight, **more: float) -> list[tuple[str, str]]:
        """Plan and tell; the target and the event of each."""
        made = plan(sights, self.told, config(), holders={}, revoked=frozenset(), **more)
        for each in made:
            self._tell(each)
        return [(each.target.removeprefix("stdout/"), each.event.value) for each in made]

    def _tell(self, intent: Intent) -> None:
        key = (intent.target, intent.tenant, intent.finding)
        last = self.told.get(key)
        episode = (last.episode if last else 0) + (intent.event is Event.RESOLVED)
        self.told[key] = Told(intent.event, intent.severity, 0.0, episode)
        self.ids.append(intent.id)


def test_each_audience_hears_once_of_a_finding_and_once_of_a_rise() -> None:
    """More evidence, another look and a milder severity are no news."""
    world = World()
    assert world.look(SIGHT) == [("soc", "found"), ("acme", "found")]
    assert world.look(SIGHT) == []
    worse = replace(SIGHT, severity=Severity.CRITICAL)
    assert world.look(worse) == [("soc", "rose"), ("acme", "rose")]
    assert world.look(replace(SIGHT, severity=Severity.LOW)) == []
    assert world.look(worse) == []
    assert len(set(world.ids)) == len(world.ids) == 4


def test_what_is_closed_or_withdrawn_is_resolved_and_found_anew_if_it_comes_back() -> None:
    """Each tenant by its own state; the second time is another alert with another id."""
    world = World()
    world.look(SIGHT)
    half = replace(SIGHT, state="open", states={"acme": "closed", "fjord": "new"})
    assert world.look(half) == [("acme", "resolved")]
    assert world.look(half) == []
    gone = replace(SIGHT, state="withdrawn")
    assert world.look(gone) == [("soc", "resolved")]
    assert world.look(SIGHT) == [("soc", "found"), ("acme", "found")]
    assert world.look() == [("soc", "resolved"), ("acme", "resolved")], "an erased one is over too"
    assert len(set(world.ids)) == len(world.ids)


def test_a_threshold_a_rule_and_a_strange_tenant_keep_a_route_quiet() -> None:
    """Below the severity, of another rule, with no side of the tenant; and what is taken over."""
    world = World()
    assert world.look(replace(SIGHT, severity=Severity.MEDIUM)) == [("acme", "found")]
    relay = replace(SIGHT, id="F-2", rule="relay", states={"fjord": "new", "maple": "new"})
    assert world.look(relay, SIGHT)[:3] == [("acme", "rose")] or world.told
    assert ("stdout/fjord", "fjord", "F-2") in world.told
    assert ("stdout/acme", "acme", "F-2") not in world.told
    taken = replace(SIGHT, id="F-3", state="acknowledged", states={"acme": "acknowledged"})
    assert not [each for each in world.look(taken, relay, SIGHT) if each[1] == "found"]
    old = replace(SIGHT, id="F-4", last_seen=1.0)
    assert world.look(relay, SIGHT, old, since=50.0) == []


def test_an_issuer_is_asked_once_for_a_credential_that_still_works() -> None:
    """At the severity, of the tenant, while it is not revoked."""
    sight = replace(SIGHT, severity=Severity.CRITICAL, credential="cred-1")

    def asked(seen: Sight, holder: str = "acme", revoked: tuple[str, ...] = ()) -> list[Intent]:
        made = plan([seen], {}, config(), holders={"cred-1": holder}, revoked=frozenset(revoked))
        return [each for each in made if each.event is Event.REVOKE]

    (intent,) = asked(sight)
    assert intent.holder == "acme"
    assert (intent.target, intent.subject, intent.tenant) == ("revocation/idp", "cred-1", "acme")
    assert not asked(sight, holder="fjord")
    assert not asked(sight, revoked=("cred-1",))
    assert not asked(replace(sight, severity=Severity.HIGH))
    assert not asked(replace(sight, credential=""))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Severity)), st.sampled_from(["new", "closed", "withdrawn"])),
        max_size=12,
    )
)
def test_no_alert_is_made_twice_and_each_target_ends_as_the_finding_does(
    history: list[tuple[Severity, str]],
) -> None:
    """Whatever a finding goes through: ids are unique, and found, rise and resolve alternate."""
    world = World()
    for severity, state in history:
        seen = replace(
            SIGHT, severity=severity, state=state, states={"acme": state, "fjord": state}
        )
        world.look(seen)
        assert world.look(seen) == []
        told = world.told.get(("stdout/soc", "", "F-1"))
        if state != "new":
            assert told is None or not told.open
        elif severity.at_least(Severity.HIGH):
            assert told is not None
            assert told.open
            assert told.severity.at_least(severity)
    assert len(set(world.ids)) == len(world.ids)


def test_the_id_of_an_alert_is_a_function_of_what_it_says() -> None:
    """Whoever makes it again after a crash gives it the same id."""
    one = alert_id("t", "", "F-1", Event.FOUND, "high", 0)
    assert one == alert_id("t", "", "F-1", Event.FOUND, "high", 0)
    assert len({one, *(alert_id("t", "", "F-1", Event.FOUND, "high", n) for n in (1, 2))}) == 3


SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target: {}", "alerts.yaml:1: target is not a known key; did you mean `targets`"),
        ("targets: {slak/x: {}}", "there is no kind of target `slak`; did you mean"),
        ("targets: {slack: {}}", "targets.slack.url is needed"),
        ("targets: {slack: {url: 'https://h/x'}}", "targets.slack.url is a secret: write it as"),
        ("targets: {otlp: {endpoint: 'host:4318'}}", "targets.otlp.endpoint must begin with http"),
        ("targets: {webhook: {url: 'https://x', secret: '${env:SHORT}'}}",
         "targets.webhook.secret must hold 24 to 64 bytes"),
        ("targets: {webhook: {url: 'https://x', secret: '${env:NOT_SET}'}}",
         "targets.webhook.secret: the environment variable NOT_SET is not set"),
        ("targets: {stdout: {}}", "targets.stdout is used by no route"),
        ("routes: [{target: soc, operator: true}]", "routes[0].target: there is no target `soc`"),
        ("{targets: {stdout: {}}, routes: [{target: stdout}]}", "must have either `tenant: ID`"),
        ("{targets: {stdout: {}}, routes: [{target: stdout, tenant: a, operator: true}]}",
         "must have either `tenant: ID`"),
        ("{targets: {stdout: {}}, routes: [{target: stdout, operator: true, severity: severe}]}",
         'routes[0].severity must be one of "info", "low"'),
        ("{targets: {stdout: {}}, routes: [{target: stdout, operator: true, rules: [flwo]}]}",
         "there is no rule `flwo`; did you mean `flow`?"),
        ("{targets: {stdout: {}}, routes: [{target: stdout, operator: true},"
         " {target: stdout, tenant: acme}]}",
         "targets.stdout would get what is for acme and the operator"),
        ("{targets: {stdout: {}}, contain: [{target: stdout}]}",
         "contain[0].target must be a target of kind revocation or webhook"),
        ("{targets: {revocation: {url: 'https://i'}}, routes: [{target: revocation,"
         " operator: true}]}", "name it below `contain`"),
        ("routes: {}", "routes must be a list"),
        ("dashboard: here", "dashboard must begin with http"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_with_its_line_and_key(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent or opened."""
    monkeypatch.setenv("SHORT", "whsec_aGVsbG8=")
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ConfigError) as raised:
        config(text)
    assert said in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        AlertConfig.load(tmp_path / "none.yaml")
