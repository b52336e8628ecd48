"""What is done with registry entries that are posted: all of them are stored, or none and why."""

import json
import logging
from typing import Final

from partywall_collector.governance import Governance
from partywall_collector.principals import Principal
from partywall_collector.receivers.log_intake import MOST, admit_keeper
from partywall_collector.receivers.refusals import Reason, Refused, Violation
from partywall_collector.registry.entries import TAKEN, said_by
from partywall_collector.registry.read import read_body
from partywall_collector.store import StoreError

log = logging.getLogger("partywall.receiver")

JSON: Final = "application/json"
JSON_LINES: Final = "application/x-ndjson"


class RegistryIntake:
    """The way of approvals, relations, credentials and sessions into the registry. Thread-safe."""

    def __init__(self, governance: Governance) -> None:
        self._governance = governance

    def admit(self, principal: Principal) -> None:
        """Only who keeps the records of a tenant may change them."""
        admit_keeper(principal)

    def take(self, principal: Principal, body: bytes, media_type: str) -> bytes:
        """The answer when the entries are in the store; raises `Refused` with each mistake."""
        document = read_body(body, lines=media_type == JSON_LINES)
        if document.problems:
            raise _refused(
                Reason.INVALID,
                [
                    Violation(f"line {p.line}" if p.line and not p.where else p.where, p.what)
                    for p in document.problems
                ],
            )
        if not document.entries:
            raise Refused(Reason.INVALID, f"holds no entries; taken are {', '.join(TAKEN)}")
        if len(document.entries) > MOST:
            raise Refused(
                Reason.TOO_LARGE,
                f"the request has {len(document.entries):,} entries, more than {MOST:,}; send"
                " several requests",
            )
        places, records = said_by(document)
        try:
            taken = self._governance.take(principal, records, whole=True)
        except StoreError as error:
            log.warning("registry entries cannot be stored: %s", error)
            raise Refused(Reason.UNAVAILABLE, "the store does not answer") from None
        if taken.refused:
            forbidden = any(error.forbidden for error in taken.refused.values())
            raise _refused(
                Reason.FORBIDDEN if forbidden else Reason.INVALID,
                [
                    Violation(f"{places[at]}.{error.key}".removesuffix("."), error.why)
                    for at, error in taken.refused.items()
                ],
            )
        return json.dumps({"entries": len(records), "changed": taken.changed}).encode()


def _refused(reason: Reason, violations: list[Violation]) -> Refused:
    mistakes = "1 mistake" if len(violations) == 1 else f"{len(violations)} mistakes"
    return Refused(reason, f"nothing is stored: {mistakes}", violations)
