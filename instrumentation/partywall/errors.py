"""The errors of the SDK, and the base of everybody else's.

PartywallError
├── BindingError       a session, tool or dataset was declared wrongly
├── GrantError         a session grant cannot be signed or read
└── InstrumentError    the SDK could not be set up
"""


class PartywallError(Exception):
    """Base of every error that Partywall raises on purpose; catch it to catch them all."""


class BindingError(PartywallError, ValueError):
    """A developer meets it when an argument of `session`, `tool` or `dataset` cannot be right."""


class GrantError(PartywallError, ValueError):
    """An issuer meets it when a grant cannot be signed, an agent when a token is no grant."""


class InstrumentError(PartywallError, RuntimeError):
    """A developer meets it at start, when `instrument` cannot set up the export."""
