"""The propagator of a process: put in place once, named by its settings, never in the way."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import propagation, settings
from partywall.propagation import PartywallPropagator

BOUND = {"baggage": "partywall.tenant.id=acme,partywall.session.id=s-1"}
PAGE = Path(__file__).parent.parent / "docs" / "propagation.md"
SAID = ("acme\n", "acme\n", "acme REQ-7\n")


@pytest.fixture(autouse=True)
def said_anew(memory: InMemorySpanExporter) -> None:
    propagation._said.clear()  # pyright: ignore[reportPrivateUsage]: what was said once, anew


def test_the_propagator_of_the_process_is_kept_inside_ours() -> None:
    """A second `instrument` puts nothing around it again."""
    present = propagate.get_global_textmap()
    assert isinstance(present, PartywallPropagator)
    partywall.instrument()
    assert propagate.get_global_textmap() is present
    assert present.fields == {"traceparent", "tracestate", "baggage"}


@pytest.mark.parametrize("order", ["tracecontext,partywall", "tracecontext,baggage,partywall"])
def test_a_process_may_name_it_in_its_environment(order: str) -> None:
    """Without `instrument`: the binding goes out and comes in all the same."""
    code = """
import partywall
from opentelemetry import baggage, context, propagate
from opentelemetry.context import Context
with partywall.session(tenant="acme"):
    headers = {}
    partywall.inject(headers, host="crm.internal")
context.attach(propagate.extract(headers, context=Context()))
leaked = {}
propagate.inject(leaked)
print(partywall.current_session().tenant, dict(baggage.get_all()), leaked)
"""
    environment = {
        "OTEL_PROPAGATORS": order,
        settings.TRUST_INBOUND.name: "1",
        settings.PROPAGATE_HOSTS.name: "crm.internal",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("acme {} {}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("propagate_to=['crm.internal'], trust_inbound=True", "acme"),
        ("propagate_to=['crm.internal']", None),
        ("propagate_to=[], trust_inbound=True", None),
        ("trust_inbound=True", None),
    ],
)
def test_what_is_said_in_code_wins_over_the_environment(arguments: str, said: str | None) -> None:
    """Also an empty list, and a switch that is off."""
    code = f"""
import partywall
partywall.instrument({arguments})
from opentelemetry import propagate
from opentelemetry.context import Context
headers = {{}}
with partywall.session(tenant="acme"):
    partywall.inject(headers, host="crm.internal")
session = partywall.current_session(propagate.extract(headers, context=Context()))
print(session and session.tenant)
"""
    environment = {"OTEL_TRACES_EXPORTER": "none", settings.PROPAGATE_HOSTS.name: "other.example"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"{said}\n"


def test_a_fault_of_ours_does_not_break_the_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A setting that went wrong after the start, or anything else."""
    monkeypatch.setenv(settings.TRUST_INBOUND.name, "perhaps")
    with caplog.at_level(logging.WARNING, "partywall"):
        propagate.extract(BOUND, context=Context())
    assert "a binding could not be received" in caplog.text


def test_a_list_that_is_one_string_is_refused() -> None:
    with pytest.raises(partywall.InstrumentError, match=r"propagate_to=\[\.\.\.\]"):
        partywall.instrument(propagate_to="crm.internal")


def test_the_guides_examples_run_as_they_stand() -> None:
    examples = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    for example, said in zip(examples, SAID, strict=True):
        done = subprocess.run(
            [sys.executable, "-c", example], env={}, capture_output=True, text=True, timeout=60
        )
        assert (done.stdout, done.stderr) == (said, "")
