"""Bind every tool call of an AI agent to a tenant, an identity and a dataset."""

from partywall.errors import BindingError, InstrumentError, PartywallError
from partywall.exporting import instrument
from partywall.propagation import environment, extract, inject
from partywall.sessions import Session, current_session, handoff, session
from partywall.threads import bind
from partywall.tools import dataset, tool

__all__ = [
    "BindingError",
    "InstrumentError",
    "PartywallError",
    "Session",
    "bind",
    "current_session",
    "dataset",
    "environment",
    "extract",
    "handoff",
    "inject",
    "instrument",
    "session",
    "tool",
]
