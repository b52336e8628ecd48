"""What a store URL says: an embedded store in a folder, or a ClickHouse server."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from partywall_collector.store.errors import BadStoreUrl

DEFAULT_HOME = ".partywall"
FORMS = "chdb:///path/to/home or clickhouse://user:password@host:8123/database?secure=true"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A chDB store: its home folder holds the data, the spool and the endpoint."""

    home: Path


@dataclass(frozen=True, slots=True)
class Server:
    """A ClickHouse server; the home folder holds what is local: the spool and the key."""

    home: Path
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    secure: bool


def parse(url: str) -> Embedded | Server:
    """Read a store URL; a relative home is below the working directory."""
    if url.startswith("chdb://"):
        home = unquote(url.removeprefix("chdb://").partition("?")[0])
        return Embedded(_home(home or DEFAULT_HOME))
    if url.startswith("clickhouse://"):
        return _server(url)
    raise BadStoreUrl(f"{_shown(url)!r} is no store; write {FORMS}")


def _server(url: str) -> Server:
    try:
        parts = urlsplit(url)
        port = parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise BadStoreUrl(
            f"the store {_shown(url)!r} cannot be read: {error}; write {FORMS}"
        ) from None
    if unknown := options.keys() - {"secure", "home"}:
        raise BadStoreUrl(
            f"the store URL has an unknown option {min(unknown)!r}; secure, home exist"
        )
    secure = options.get("secure", "false").lower() in ("true", "1", "yes")
    return Server(
        home=_home(options.get("home", DEFAULT_HOME)),
        host=parts.hostname or "localhost",
        port=port or (8443 if secure else 8123),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")) or "default",
        secure=secure,
    )


def _home(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _shown(url: str) -> str:
    """The URL without what may be a password."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
