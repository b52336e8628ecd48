"""The agents of one customer, in a process of their own: pydantic-ai, and Partywall's lines."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from importlib.resources import as_file, files

import yaml
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from pydantic_ai import Agent

import partywall
from partywall_dashboard.demo.model import gullible
from partywall_dashboard.demo.scenario import JOBS, Job
from partywall_dashboard.demo.tools import TOOLS


class Made(SpanProcessor):
    """Counts spans, so that the demo can say that none was lost."""

    def __init__(self) -> None:
        self.spans = 0

    def on_end(self, span: ReadableSpan) -> None:
        """A span is complete."""
        self.spans += 1


def serve_customer(tenant: str, endpoint: str, token: str, key_file: str) -> int:
    """Run the customer's jobs one after the other; returns how many spans they made."""
    os.environ["PARTYWALL_FINGERPRINT_KEY_FILE"] = key_file
    # The registry's tool rules read what these tools touch from their arguments.
    with as_file(files(__package__ or "").joinpath("registry.yaml")) as rules:
        provider = partywall.instrument(
            endpoint, token, service=f"harborline-agents-{tenant}", tools=rules
        )
    Agent.instrument_all()
    made = Made()
    provider.add_span_processor(made)
    texts = request_texts()
    for job in JOBS[tenant]:
        run(job, texts.get(job.request, "Count what is there."))
    provider.force_flush()
    return made.spans


def run(job: Job, text: str) -> None:
    """Run one agent, bound to its customer; the job without one shows what then happens."""
    agent = Agent(gullible(job.script, job.answer), name=job.agent, tools=list(TOOLS))
    session = (
        partywall.session(
            tenant=job.tenant,
            request=job.request,
            identity=f"spiffe://harborline.example/agent/{job.agent}",
            on_behalf_of=job.person,
            approval=job.approval,
        )
        if job.tenant
        else nullcontext()
    )
    with session:
        agent.run_sync(text)


def request_texts() -> Mapping[str, str]:
    """The requests as they stand in the registry."""
    registry = yaml.safe_load(files(__package__ or "").joinpath("registry.yaml").read_text("utf-8"))
    return {session["request"]: session["text"] for session in registry["sessions"]}
