"""The keys at which tenants meet, and by which a rule is opened."""

from enum import StrEnum


class Key(StrEnum):
    """What a rule needs whole to speak of a crossing; its value is the column that holds the key.

    When something that a key's findings depend on changes, the key is dirty: all that belongs to it
    is opened, its rules run again, and what they say replaces what stood in the ledger.
    """

    SESSION = "session_id"
    TRACE = "trace_id"
    CREDENTIAL = "credential_id"
    IDENTITY = "identity"
    VALUE = "value"

    @property
    def plural(self) -> str:
        """Many keys of this kind."""
        return "identities" if self is Key.IDENTITY else f"{self.name.lower()}s"

    @property
    def dirty(self) -> str:
        """The table of dirty keys of this kind; of values, of those that many tenants hold."""
        return "wide_values" if self is Key.VALUE else f"dirty_{self.plural}"
