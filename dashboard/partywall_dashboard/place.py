"""Where the store is, as the commands tell the pages."""

import os
from typing import Final

STORE: Final = "PARTYWALL_STORE"
"""The environment variable; `partywall dashboard --store` sets it for the pages."""

DEFAULT_STORE: Final = "chdb://.partywall"


def store_url() -> str:
    """The store of this process."""
    return os.environ.get(STORE) or DEFAULT_STORE
