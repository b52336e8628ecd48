"""Settings from the environment: each is declared once; the guide's table is checked against it.

What is said in code always wins over the environment. A process that is started with
`PARTYWALL_TENANT` is bound as a whole: see `sessions.process_session`.
"""

import os
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from partywall import attributes
from partywall.errors import BindingError

YES: Final = ("1", "true", "yes", "on")
NO: Final = ("", "0", "false", "no", "off")

_said: Final[dict[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable."""

    name: str
    meaning: str
    default: str = ""
    without: str = "none"
    """What holds where it is not set and has no default; for the table."""

    def text(self) -> str:
        """What was said in code, else in the environment, else the default."""
        said = _said.get(self.name)
        return os.environ.get(self.name, "").strip() or self.default if said is None else said

    def say(self, text: str) -> None:
        """Set it from code, for this process."""
        _said[self.name] = text

    def flag(self) -> bool:
        """Whether it is switched on; a word that is neither yes nor no is refused."""
        word = self.text().lower()
        if word not in YES + NO:
            raise BindingError(
                f"{self.name}={word!r} is neither on nor off: set it to 1 or 0, or unset it"
            )
        return word in YES

    def items(self) -> tuple[str, ...]:
        """Its values, where it is a list with commas."""
        return tuple(item.strip() for item in self.text().split(",") if item.strip())


TENANT: Final = Setting(
    "PARTYWALL_TENANT", "the tenant that the whole process works for; there is no default tenant"
)
REQUEST: Final = Setting("PARTYWALL_REQUEST", "the request that the process works on")
IDENTITY: Final = Setting("PARTYWALL_IDENTITY", "the identity that acts")
SUBJECT: Final = Setting("PARTYWALL_SUBJECT", "on whose behalf it acts")
ACTORS: Final = Setting(
    "PARTYWALL_ACTORS",
    "the actor chain, the current actor first, separated by spaces, each percent-encoded",
)
CREDENTIAL: Final = Setting("PARTYWALL_CREDENTIAL", "the id of the credential in use")
APPROVAL: Final = Setting("PARTYWALL_APPROVAL", "the approval that the work relies on")
AGENT: Final = Setting("PARTYWALL_AGENT", "the name of the agent")
SESSION: Final = Setting("PARTYWALL_SESSION", "the id of the session", without="a new one")
RUN: Final = Setting("PARTYWALL_RUN", "the id of the run", without="a new one")
GRANT: Final = Setting("PARTYWALL_GRANT", "the signed session grant, a compact JWT")
ENDPOINT: Final = Setting(
    "PARTYWALL_ENDPOINT",
    "the collector's address, with its scheme",
    without="what OpenTelemetry's variables say",
)
TOKEN: Final = Setting("PARTYWALL_TOKEN", "the token that is sent to the collector", without="none")
PROTOCOL: Final = Setting(
    "PARTYWALL_PROTOCOL",
    "how to send to `PARTYWALL_ENDPOINT`: `http/protobuf` or `grpc`",
    "http/protobuf",
)
STRICT: Final = Setting("PARTYWALL_STRICT", "refuse tool calls outside a session (`1` or `0`)", "0")
THREADS: Final = Setting(
    "PARTYWALL_THREADS", "let threads and executors keep the session (`1` or `0`)", "1"
)
PROPAGATE_HOSTS: Final = Setting(
    "PARTYWALL_PROPAGATE_HOSTS",
    "hosts that may receive the binding: `crm.internal`, `*.svc.example:8080`, `mcp`; with commas",
)
TRUST_INBOUND: Final = Setting(
    "PARTYWALL_TRUST_INBOUND", "believe the binding that a caller sends (`1` or `0`)", "0"
)
FINGERPRINT_KEY: Final = Setting(
    "PARTYWALL_FINGERPRINT_KEY",
    "the key of fingerprints: at least 32 bytes as hexadecimal digits",
    without="no fingerprints",
)
FINGERPRINT_KEY_FILE: Final = Setting(
    "PARTYWALL_FINGERPRINT_KEY_FILE", "the file that holds the key of fingerprints"
)
IDENTIFIERS: Final = Setting(
    "PARTYWALL_IDENTIFIERS", "the file that declares further kinds of identifiers"
)
CONTENT: Final = Setting(
    "PARTYWALL_CONTENT", "let prompts, arguments and results leave the process (`1` or `0`)", "0"
)
TOOLS: Final = Setting(
    "PARTYWALL_TOOLS",
    "a file with the registry's `tools`: what arguments name (JSON, or YAML with PyYAML)",
)

SETTINGS: Final[tuple[Setting, ...]] = (
    TENANT,
    REQUEST,
    IDENTITY,
    SUBJECT,
    ACTORS,
    CREDENTIAL,
    APPROVAL,
    AGENT,
    SESSION,
    RUN,
    GRANT,
    ENDPOINT,
    TOKEN,
    PROTOCOL,
    STRICT,
    THREADS,
    PROPAGATE_HOSTS,
    TRUST_INBOUND,
    FINGERPRINT_KEY,
    FINGERPRINT_KEY_FILE,
    IDENTIFIERS,
    CONTENT,
    TOOLS,
)

BINDING: Final[dict[Setting, str]] = {
    TENANT: attributes.TENANT_ID,
    REQUEST: attributes.REQUEST_ID,
    IDENTITY: attributes.IDENTITY_ID,
    SUBJECT: attributes.SUBJECT_ID,
    ACTORS: attributes.ACTOR_CHAIN,
    CREDENTIAL: attributes.CREDENTIAL_ID,
    APPROVAL: attributes.APPROVAL_ID,
    AGENT: attributes.AGENT_NAME,
    SESSION: attributes.SESSION_ID,
    RUN: attributes.RUN_ID,
    GRANT: attributes.SESSION_GRANT,
}
"""The settings that bind a process, and the attribute that each becomes."""


def joined(items: tuple[str, ...]) -> str:
    """Several values in one, for a variable or a header; `split` takes it apart."""
    return " ".join(quote(item, safe=":/#@.") for item in items)


def split(text: str) -> tuple[str, ...]:
    """The values of a text that `joined` made."""
    return tuple(unquote(item) for item in text.split())
