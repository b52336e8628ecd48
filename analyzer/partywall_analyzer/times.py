"""Times as the tables compare them."""

from datetime import datetime
from typing import Final

_LAST: Final = 2**63 // 1000


def us(time: datetime) -> int:
    """Microseconds since 1970, within what a column of nanoseconds can hold."""
    return max(-_LAST, min(round(time.timestamp() * 1e6), _LAST))
