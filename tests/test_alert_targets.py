"""What each target sends, to a real receiver: its form, and that no name gets out of its place."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from receiving import Receiver

from partywall_analyzer.alerts.alert import Alert, Event
from partywall_analyzer.alerts.alertmanager import Alertmanager
from partywall_analyzer.alerts.http import Refused, Unreachable
from partywall_analyzer.alerts.otlp import Otlp
from partywall_analyzer.alerts.pagerduty import Pagerduty
from partywall_analyzer.alerts.revocation import Revocation
from partywall_analyzer.alerts.slack import Slack, message
from partywall_analyzer.alerts.stdout import Stdout
from partywall_analyzer.alerts.webhook import Webhook, key_problem, signature
from partywall_analyzer.model import Severity
from partywall_collector.component_values import Secret

HOSTILE = (
    "<!channel> & <https://evil.example|Acme> @here\x1b[2J\r\n*x* \u202etxt https://evil.example"
)
ALERT = Alert(
    id="A-1",
    event=Event.FOUND,
    target="t",
    tenant="acme",
    finding_id="F-1",
    severity=Severity.CRITICAL,
    made=1_772_442_000.0,
    began=1_772_442_000.0,
    finding={"title": HOSTILE, "sentence": HOSTILE, "rule": "flow", "agent": HOSTILE},
)
SECRET = Secret("whsec_" + base64.b64encode(b"k" * 32).decode())


def test_slack_gets_plain_text_in_which_no_name_mentions_or_links() -> None:
    """Slack's control characters are escaped, no address is one, nothing moves a cursor."""
    with Receiver() as slack:
        Slack(url=Secret(f"{slack.url}/services/x")).send(ALERT)
        (got,) = slack.received
    said = got.json()
    assert got.path == "/services/x"
    assert (said["parse"], said["link_names"], said["mrkdwn"]) == ("none", False, False)
    texts = [said["text"], *(b["text"]["text"] for b in said["blocks"] if "text" in b)]
    texts += [e["text"] for b in said["blocks"] for e in b.get("elements", ()) if "text" in e]
    for text in texts:
        assert not {"<", ">", "\x1b", "\r", "\n", "\u202e"} & set(text)
        assert "://" not in text
    assert "&lt;!channel&gt; &amp;" in said["text"]
    assert {b["text"]["type"] for b in said["blocks"] if "text" in b} == {"plain_text"}


@pytest.mark.parametrize("title", ["&" * 10_000, "<" * 140, "a" * 10_000])
def test_slack_messages_stay_below_its_limits(title: str) -> None:
    """A header has 150 characters, a section 3,000, after escaping."""
    said = message(replace(ALERT, finding={"title": title, "sentence": title * 10}))
    header, section, *_ = said["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert len(section["text"]["text"]) <= 3_000


def test_pagerduty_opens_raises_and_resolves_one_incident() -> None:
    """The finding's id joins the events; a summary has at most 1,024 characters."""
    with Receiver(lambda _: 202) as pagerduty:
        target = Pagerduty(routing_key=Secret("r" * 32), url=f"{pagerduty.url}/v2/enqueue")
        target.send(ALERT)
        target.send(replace(ALERT, event=Event.ROSE, was="high"))
        target.send(replace(ALERT, event=Event.RESOLVED, finding={}))
        found, rose, resolved = [each.json() for each in pagerduty.received]
    assert {each["dedup_key"] for each in (found, rose, resolved)} == {"F-1"}
    assert [each["event_action"] for each in (found, rose, resolved)] == [
        "trigger", "trigger", "resolve",
    ]  # fmt: skip
    assert found["payload"]["severity"] == "critical"
    assert "rose from high" in rose["payload"]["summary"]
    assert not {"\x1b", "\r", "\n"} & set(found["payload"]["summary"])
    assert len(found["payload"]["summary"]) <= 1_024
    assert "payload" not in resolved


def test_alertmanager_is_told_what_begins_what_rises_and_what_ends() -> None:
    """A rise ends the alert of the lower severity; what stands is told again without an end."""
    with Receiver() as manager:
        target = Alertmanager(url=f"{manager.url}/", token=Secret("t"))
        target.send(replace(ALERT, severity=Severity.HIGH))
        target.send(replace(ALERT, event=Event.ROSE, was="high"))
        target.resend([ALERT])
        target.send(replace(ALERT, event=Event.RESOLVED, finding={}))
        told = [each.json() for each in manager.received]
        assert {each.path for each in manager.received} == {"/api/v2/alerts"}
        assert manager.received[0].headers["authorization"] == "Bearer t"
    labels = {"alertname": "PartywallFinding", "finding": "F-1", "tenant": "acme"}
    assert told[0][0]["labels"] == labels | {"severity": "high"}
    assert "endsAt" not in told[0][0]
    assert [(a["labels"]["severity"], "endsAt" in a) for a in told[1]] == [
        ("critical", False), ("high", True),
    ]  # fmt: skip
    assert "endsAt" not in told[2][0]
    assert told[3][0]["labels"] == labels | {"severity": "critical"}
    assert told[3][0]["endsAt"] > told[3][0]["startsAt"]


def test_a_webhook_is_signed_as_standard_webhooks_says() -> None:
    """HMAC-SHA256 over id, time and body; a second attempt has the same id."""
    with Receiver() as hook:
        target = Webhook(url=hook.url, secret=SECRET)
        target.send(ALERT)
        target.send(ALERT)
        first, second = hook.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "A-1"
    at = first.headers["webhook-timestamp"]
    mac = hmac.new(b"k" * 32, f"A-1.{at}.".encode() + first.body, hashlib.sha256).digest()
    assert first.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    said = first.json()
    assert (said["type"], said["id"], said["data"]["finding"]) == (
        "partywall.finding.found",
        "A-1",
        ALERT.finding,
    )


def test_the_signature_is_that_of_the_specifications_example() -> None:
    """The published example of Standard Webhooks gives the published signature."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = signature(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "secret", "whsec_aGVsbG8="])
def test_a_secret_that_is_none_is_told(secret: str) -> None:
    """Too short, no base64, no prefix."""
    assert key_problem(secret)


def test_an_issuer_is_asked_as_rfc_7009_says() -> None:
    """A form with the credential's id, and HTTP Basic whose parts are encoded."""
    with Receiver() as issuer:
        target = Revocation(url=issuer.url, client_id="part:wall", client_secret=Secret("s p"))
        target.send(replace(ALERT, event=Event.REVOKE, subject="cred-7 &x=1"))
        (got,) = issuer.received
    assert got.body == b"token=cred-7+%26x%3D1"
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(got.headers["authorization"].split()[1]) == b"part%3Awall:s+p"


def test_otlp_carries_a_log_record_with_its_event_name() -> None:
    """The stock exporter's protobuf, read by the stock reader."""
    with Receiver() as receiver:
        Otlp(endpoint=f"{receiver.url}/v1/logs", token=Secret("t")).send(ALERT)
        (got,) = receiver.received
    (record,) = (
        ExportLogsServiceRequest.FromString(got.body).resource_logs[0].scope_logs[0].log_records
    )
    said = {each.key: each.value.string_value for each in record.attributes}
    assert (record.event_name, record.severity_text) == ("partywall.finding", "critical")
    assert (said["partywall.finding.id"], said["partywall.alert.id"]) == ("F-1", "A-1")
    assert json.loads(said["partywall.finding.json"]) == ALERT.finding
    assert "\x1b" not in record.body.string_value
    assert got.headers["authorization"] == "Bearer t"


def test_stdout_prints_one_line_whatever_a_name_holds(capsys: pytest.CaptureFixture[str]) -> None:
    """A line break in a name is two letters."""
    Stdout().send(ALERT)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["data"]["finding"]["title"] == HOSTILE
    assert line.isprintable()


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Refused), (422, Refused), (302, Unreachable), (401, Unreachable), (404, Unreachable),
     (429, Unreachable), (500, Unreachable)],
)  # fmt: skip
def test_what_the_alert_earns_is_refused_and_what_the_target_is_is_tried_again(
    status: int, error: type[Exception]
) -> None:
    """A wrong key or address may be mended; a redirect is not followed."""
    with Receiver(lambda _: status) as receiver:
        receiver.headers = {"location": "http://127.0.0.1:9/x", "retry-after": "7"}
        with pytest.raises(error) as raised:
            Webhook(url=receiver.url, secret=SECRET).send(ALERT)
        assert len(receiver.received) == 1
    if isinstance(raised.value, Unreachable):
        assert raised.value.after == 7


def test_an_error_names_no_address() -> None:
    """The address of a Slack webhook is its secret."""
    with pytest.raises(Unreachable) as raised:
        Slack(url=Secret("http://127.0.0.1:9/services/hush")).send(ALERT)
    assert "hush" not in str(raised.value)
    assert "hush" not in repr(raised.value.__context__.__class__)
    assert raised.value.__suppress_context__
