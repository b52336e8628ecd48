"""Bind every tool call of an AI agent to a tenant, an identity and a dataset."""

from partywall.credentials import credential
from partywall.errors import (
    BindingError,
    CredentialError,
    InstrumentError,
    PartywallError,
    PolicyDenied,
)
from partywall.exporting import instrument
from partywall.governance import approval
from partywall.policy import decision
from partywall.propagation import environment, extract, inject
from partywall.sessions import Session, current_session, handoff, session
from partywall.threads import bind
from partywall.tools import dataset, tool

__all__ = [
    "BindingError",
    "CredentialError",
    "InstrumentError",
    "PartywallError",
    "PolicyDenied",
    "Session",
    "approval",
    "bind",
    "credential",
    "current_session",
    "dataset",
    "decision",
    "environment",
    "extract",
    "handoff",
    "inject",
    "instrument",
    "session",
    "tool",
]
