"""One accepted request on disk: who sent it, for which tenants, and the canonical OTLP body.

The frame is a length-delimited protobuf message, so that ClickHouse reads a segment of them
directly (`sql/envelope.proto`). It is rendered by hand because the body is already serialised.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum


class Tag(IntEnum):
    """The fields of `sql/envelope.proto`: number and wire type in one byte."""

    PRINCIPAL = 0x0A
    TENANTS = 0x12
    ATTESTATION = 0x1A
    RECEIVED_AT = 0x21
    SHA256 = 0x2A
    REQUEST = 0x32
    GRANTS = 0x3A
    CHOSEN_TENANT = 0x42


class GrantTag(IntEnum):
    """The fields of one of its grants."""

    SESSION = 0x0A
    TENANT = 0x12
    IDENTITY = 0x1A
    REQUEST = 0x22


class TornFrame(ValueError):
    """The bytes at this place are not a whole envelope: a torn tail, or damage."""


@dataclass(frozen=True, slots=True)
class GrantedSession:
    """What a checked grant says of a session; one that was found bad says no tenant."""

    session: str
    tenant: str = ""
    identity: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request with its verified sender. `tenants` is ("*",) for every registered tenant."""

    principal: str
    tenants: tuple[str, ...]
    attestation: str
    received_at: int
    request: bytes
    grants: tuple[GrantedSession, ...] = ()
    sha256: bytes = b""
    """The digest of the request; left out, it is made."""
    chosen_tenant: str = ""
    """Whose the spans are that name no tenant; a gateway chose it."""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", hashlib.sha256(self.request).digest())


def varint(number: int) -> bytes:
    """The protobuf form of an unsigned integer."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def frame(envelope: Envelope) -> tuple[bytes, bytes]:
    """The envelope as two pieces for `writev`: everything before the body, and the body itself."""
    head = bytearray()
    texts = [
        (Tag.PRINCIPAL, envelope.principal),
        *((Tag.TENANTS, tenant) for tenant in envelope.tenants),
        (Tag.ATTESTATION, envelope.attestation),
    ]
    for tag, text in texts:
        head += _field(tag, text.encode())
    if envelope.chosen_tenant:
        head += _field(Tag.CHOSEN_TENANT, envelope.chosen_tenant.encode())
    for grant in envelope.grants:
        head += _field(Tag.GRANTS, _grant_bytes(grant))
    head += bytes((Tag.RECEIVED_AT,)) + struct.pack("<Q", envelope.received_at)
    head += bytes((Tag.SHA256, 32)) + envelope.sha256
    head += bytes((Tag.REQUEST,)) + varint(len(envelope.request))
    return varint(len(head) + len(envelope.request)) + bytes(head), envelope.request


def _grant_bytes(grant: GrantedSession) -> bytes:
    return b"".join(
        _field(tag, text.encode())
        for tag, text in (
            (GrantTag.SESSION, grant.session),
            (GrantTag.TENANT, grant.tenant),
            (GrantTag.IDENTITY, grant.identity),
            (GrantTag.REQUEST, grant.request),
        )
        if text
    )


def _field(tag: int, raw: bytes) -> bytes:
    return bytes((tag,)) + varint(len(raw)) + raw


def read(data: bytes) -> Iterator[tuple[int, Envelope]]:
    """Each whole envelope with the offset behind it; raises `TornFrame` where one is not whole.

    Whole means that the body has the digest that was written before it: after a power cut a tail
    can have its full length and still hold zeros.
    """
    at = 0
    while at < len(data):
        size, start = _varint_at(data, at)
        end = start + size
        if end > len(data):
            raise TornFrame(f"an envelope at byte {at} is cut off")
        yield end, _envelope(data, start, end)
        at = end


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise TornFrame(f"no length at byte {at}")


def _envelope(data: bytes, at: int, end: int) -> Envelope:
    principal, tenants, attestation, received_at, digest = "", list[str](), "", 0, b""
    chosen_tenant = ""
    grants: list[GrantedSession] = []
    request: bytes | None = None
    for tag, value in _fields(data, at, end):
        try:
            match tag:
                case Tag.PRINCIPAL:
                    principal = value.decode()
                case Tag.TENANTS:
                    tenants.append(value.decode())
                case Tag.ATTESTATION:
                    attestation = value.decode()
                case Tag.RECEIVED_AT:
                    (received_at,) = struct.unpack("<Q", value)
                case Tag.SHA256:
                    digest = value
                case Tag.REQUEST:
                    request = value
                case Tag.CHOSEN_TENANT:
                    chosen_tenant = value.decode()
                case Tag.GRANTS:
                    grants.append(_grant(value))
                case _:
                    pass  # a field that a newer version writes
        except UnicodeDecodeError:
            raise TornFrame(f"broken text in the envelope before byte {end}") from None
    if request is None or hashlib.sha256(request).digest() != digest:
        raise TornFrame(f"the digest before byte {end} does not fit its body")
    return Envelope(
        principal,
        tuple(tenants),
        attestation,
        received_at,
        request,
        tuple(grants),
        digest,
        chosen_tenant,
    )


def _grant(data: bytes) -> GrantedSession:
    texts = {tag: value.decode() for tag, value in _fields(data, 0, len(data)) if tag & 7 == 2}
    return GrantedSession(*(texts.get(tag, "") for tag in GrantTag))


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Each field of a message as its tag and its bytes; a number has none."""
    while at < end:
        tag = data[at]
        at += 1
        match tag & 7:  # the wire type
            case 0:
                (_, at), size = _varint_at(data, at), 0
            case 1:
                size = 8
            case 2:
                size, at = _varint_at(data, at)
            case 5:
                size = 4
            case _:
                raise TornFrame(f"no field has the tag {tag:#x} at byte {at}")
        value = data[at : at + size]
        at += size
        if at > end:
            raise TornFrame(f"a field runs over the end of its envelope at byte {at}")
        yield tag, value
