"""What can go wrong with a store.

StoreError
├── BadStoreUrl
├── StoreUnavailable
├── StoreInUse
├── StoreVersionMismatch
└── QueryFailed
"""


class StoreError(Exception):
    """Anything that a store could not do; the text says what and the way out."""


class BadStoreUrl(StoreError):
    """The `--store` URL is not one that this product reads."""


class StoreUnavailable(StoreError):
    """There is no store at this URL, it does not answer, or it refuses this user."""


class StoreInUse(StoreError):
    """Another process owns this chDB path."""


class StoreVersionMismatch(StoreError):
    """The tables at this URL were made by another version of Partywall."""


class QueryFailed(StoreError):
    """The engine refused a statement; `code` is ClickHouse's error code, 0 where it gave none."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code
