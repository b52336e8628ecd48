"""Reads the binding that a gateway writes as plain headers: `X-Partywall-Tenant: acme`.

What was read is treated as a binding in W3C baggage is: it is believed only where
`PARTYWALL_TRUST_INBOUND` is on.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry import baggage
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.propagators import textmap

from partywall import attributes

HEADERS: Final[Mapping[str, str]] = {
    "x-partywall-tenant": attributes.TENANT_ID,
    "x-partywall-request": attributes.REQUEST_ID,
    "x-partywall-identity": attributes.IDENTITY_ID,
    "x-partywall-subject": attributes.SUBJECT_ID,
    "x-partywall-session": attributes.SESSION_ID,
    "x-partywall-grant": attributes.SESSION_GRANT,
}
"""Header -> what it says."""

LONGEST: Final = 8192


class HeaderPropagator(textmap.TextMapPropagator):
    """Takes the headers in; writes none. A header that stands twice with two values is dropped."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = textmap.default_getter,
    ) -> Context:
        found = context_api.get_current() if context is None else context
        for header, name in HEADERS.items():
            values = {value.strip() for value in getter.get(carrier, header) or ()}
            if len(values) == 1 and 0 < len(value := values.pop()) <= LONGEST:
                found = baggage.set_baggage(name, value, found)
        return found

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = textmap.default_setter,
    ) -> None:
        """Nothing: what may be sent is decided by the allow-list."""

    @property
    def fields(self) -> set[str]:
        return set()
