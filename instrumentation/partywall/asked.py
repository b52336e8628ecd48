"""What the request of a session asks for, as facts that may leave the process; its text stays.

They are those that the registry takes of a request (`request.py`), under the keys of fingerprints.
What a request names travels in plain, because an analyst must see it, but for what is secret.
"""

import logging
from dataclasses import replace
from typing import Final

from opentelemetry.util.types import AttributeValue

from partywall import attributes, identifiers, redaction
from partywall.fingerprint_keys import in_force
from partywall.identifiers import Identifier
from partywall.remembered import LONGEST
from partywall.request import read_request

SECRET: Final = frozenset(("card", "token"))
"""Kinds of identifiers that never leave in plain."""

log = logging.getLogger("partywall")


def facts_of(text: str) -> dict[str, AttributeValue]:
    """The attributes that tell what a request asks for, or why there are none."""
    keys = in_force()
    if isinstance(keys, str):
        return {attributes.VALUES_MISSING: keys}
    try:
        secrets = (key.secret for key in keys.arguments)
        request = read_request(text[:LONGEST], *secrets, kinds=identifiers.in_force())
        items = tuple(
            replace(item, named=tuple(filter(_may_leave, item.named))) for item in request.items
        )
        facts = replace(request, items=items).to_json()
    except Exception:  # nothing of ours may break the agent
        log.exception("the text of a request could not be read: its session goes on without")
        return {attributes.VALUES_MISSING: "error"}
    said: dict[str, AttributeValue] = {
        attributes.REQUEST_FACTS: facts,
        attributes.VALUES_EPOCH: keys.epochs,
    }
    return said | ({attributes.VALUES_MISSING: "too long"} if len(text) > LONGEST else {})


def _may_leave(found: Identifier) -> bool:
    return found.kind not in SECRET and redaction.is_clean(found.value)
