"""The errors of the SDK, and the base of everybody else's.

PartywallError
├── BindingError       a session, tool or dataset was declared wrongly
├── CredentialError    an issuer gave no credential that can be used
├── GrantError         a session grant cannot be signed or read
├── InstrumentError    the SDK could not be set up
├── PolicyDenied       a policy does not let a tool call run
└── PolicyError        policies cannot be read
"""


class PartywallError(Exception):
    """Base of every error that Partywall raises on purpose; catch it to catch them all."""


class BindingError(PartywallError, ValueError):
    """A developer meets it when an argument of `session`, `tool` or `dataset` cannot be right."""


class CredentialError(PartywallError, RuntimeError):
    """An agent meets it at the head of a `credential` block: the block does not run."""


class GrantError(PartywallError, ValueError):
    """An issuer meets it when a grant cannot be signed, an agent when a token is no grant."""


class InstrumentError(PartywallError, RuntimeError):
    """A developer meets it at start, when `instrument` cannot set up the export."""


class PolicyDenied(PartywallError):
    """An agent meets it when it calls a tool that a policy refuses; the tool did not run."""


class PolicyError(PartywallError, ValueError):
    """A developer meets it at start, when policies, schema or entities cannot be read."""
