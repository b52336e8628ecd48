"""Who sends a statement to an embedded store, and the word by which its row policies know them."""

from dataclasses import dataclass
from typing import Final

TENANT_WORD: Final = "tenant:"
WRITER_WORD: Final = "writer"
READER_WORD: Final = "reader"


@dataclass(frozen=True, slots=True)
class Caller:
    """The writer, the operator's reader, or the reader of one tenant."""

    writes: bool = False
    tenant: str = ""

    @property
    def word(self) -> str:
        """What a handle for this caller says as `log_comment`."""
        if self.writes:
            return WRITER_WORD
        return TENANT_WORD + self.tenant if self.tenant else READER_WORD


WRITER: Final = Caller(writes=True)
READER: Final = Caller()
