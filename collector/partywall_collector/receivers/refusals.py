"""Why a request is not taken, in the words of both protocols."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

RETRY_AFTER = 2
"""Seconds; real exporters drop a batch when the pause exceeds their timeout, often 10 s."""


class Reason(Enum):
    """Why a request is refused: the word that is counted, the gRPC code and the HTTP status."""

    INVALID = ("invalid", 3, 400)
    UNAUTHENTICATED = ("unauthenticated", 16, 401)
    FORBIDDEN = ("forbidden", 7, 403)
    NOT_FOUND = ("not found", 12, 404)
    METHOD = ("method", 12, 405)
    TOO_LARGE = ("too large", 8, 413)
    MEDIA_TYPE = ("media type", 3, 415)
    FULL = ("full", 8, 429)
    QUOTA = ("quota", 8, 429)
    MEMORY = ("memory", 14, 503)
    UNAVAILABLE = ("unavailable", 14, 503)

    def __init__(self, word: str, code: int, http: int) -> None:
        self.word, self.code, self.http = word, code, http

    @property
    def retryable(self) -> bool:
        return self in (Reason.FULL, Reason.QUOTA, Reason.MEMORY, Reason.UNAVAILABLE)


class Violation(NamedTuple):
    """One mistake of a request: the field that has it, and what to do."""

    field: str
    what: str


class Refused(Exception):
    """A request that is not taken, with the text for its sender."""

    def __init__(self, reason: Reason, text: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(text)
        self.reason = reason
        self.violations = violations

    def status(self) -> Status:
        """The refusal as OTLP wants it, with the pause where a retry helps, or what is bad."""
        status = Status(code=self.reason.code, message=str(self))
        detail = AnyMessage()
        if self.reason.retryable:
            detail.Pack(retry_info())
            status.details.append(detail)
        elif self.reason is Reason.INVALID or self.violations:
            violations = self.violations or [Violation("", str(self))]
            found = BadRequest()
            for field, what in violations:
                found.field_violations.add(field=field, description=what)
            detail.Pack(found)
            status.details.append(detail)
        return status


def retry_info() -> RetryInfo:
    """When to try again."""
    return RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER))


def too_large(limit: int) -> Refused:
    """The refusal of a body above the limit."""
    return Refused(
        Reason.TOO_LARGE,
        f"the request has more than {limit} bytes after decompression; send smaller batches",
    )
