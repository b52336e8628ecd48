"""Bind every tool call of an AI agent to a tenant, an identity and a dataset."""

from partywall.errors import BindingError, InstrumentError, PartywallError
from partywall.exporting import instrument
from partywall.sessions import Session, current_session, session
from partywall.tools import dataset, tool

__all__ = [
    "BindingError",
    "InstrumentError",
    "PartywallError",
    "Session",
    "current_session",
    "dataset",
    "instrument",
    "session",
    "tool",
]
