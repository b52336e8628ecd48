"""The agents of one customer, in a process of their own: pydantic-ai, and Partywall's lines.

`python -m partywall_dashboard.demo.agents TENANT`. Where spans go stands in OTEL_EXPORTER_OTLP_*.
"""

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from importlib.resources import files

import yaml
from pydantic_ai import Agent

import partywall
from partywall_dashboard.demo.model import gullible
from partywall_dashboard.demo.scenario import JOBS, Job
from partywall_dashboard.demo.tools import TOOLS


def main(tenant: str) -> None:
    """Run the customer's jobs one after the other."""
    provider = partywall.instrument(service=f"harborline-agents-{tenant}")
    Agent.instrument_all()
    texts = request_texts()
    for job in JOBS[tenant]:
        run(job, texts.get(job.request, "Count what is there."))
    provider.force_flush()


def run(job: Job, text: str) -> None:
    """Run one agent, bound to its customer; the job without one shows what then happens."""
    agent = Agent(gullible(job.script, job.answer), name=job.agent, tools=list(TOOLS))
    session = (
        partywall.session(
            tenant=job.tenant,
            request=job.request,
            identity=f"spiffe://harborline.example/agent/{job.agent}",
            subject=job.person,
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


if __name__ == "__main__":
    main(sys.argv[1])
