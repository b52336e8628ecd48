"""The home folder of a store: who owns it, where its owner answers, and the fingerprint keys."""

import contextlib
import fcntl
import json
import os
import secrets
import sys
import time
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from partywall import fingerprint_keys
from partywall.fingerprint_keys import Key, Keys
from partywall_collector.store.errors import StoreInUse, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the endpoint."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the owner of a chDB path answers the ClickHouse HTTP protocol."""

    host: str
    port: int
    pid: int
    writer: Account
    reader: Account


class Home:
    """The folder of one store. Nothing in it is readable by other users of the machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def data(self) -> Path:
        """The path that the embedded engine is given."""
        return self.path / "data"

    @property
    def endpoint_file(self) -> Path:
        return self.path / "endpoint.json"

    def make(self) -> None:
        """Make the folder, below parents that may be missing."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the store {self.path} cannot be made: {error}") from None

    def lock(self) -> bool:
        """Become the owner; False where another process, or another store of this one, is it."""
        if self._lock is not None:
            return True
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {command}\n".encode(errors="replace"))
        self._lock = descriptor
        self.endpoint_file.unlink(missing_ok=True)  # left behind by an owner that was killed
        return True

    def unlock(self) -> None:
        """Stop being the owner."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def in_use(self) -> StoreInUse:
        """Who owns the folder, as an error."""
        pid, _, command = self._owner().partition(" ")
        owner = f"process {pid} ({command})" if pid else "another process"
        return StoreInUse(
            f"the store {self.path} is in use by {owner}; wait for it to end, stop it, or name "
            f"another --store"
        )

    def endpoint(self) -> Endpoint | None:
        """Where the present owner answers; None while it does not, or if the file is stale."""
        try:
            said: dict[str, Any] = json.loads(self.endpoint_file.read_text())
            endpoint = Endpoint(
                said["host"], said["port"], said["pid"],
                Account(**said["writer"]), Account(**said["reader"]),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return endpoint if self._owner().split(" ")[0] == str(endpoint.pid) else None

    @contextlib.contextmanager
    def announce(self, endpoint: Endpoint) -> Generator[None]:
        """Say where the owner answers, for as long as the context lasts."""
        _write_secret(self.endpoint_file, json.dumps(asdict(endpoint)))
        try:
            yield
        finally:
            self.endpoint_file.unlink(missing_ok=True)

    @property
    def fingerprint_file(self) -> Path:
        return self.path / "fingerprint.key"

    def fingerprint_keys(self) -> Keys:
        """The keys of this store's fingerprints; the first one is made at first use."""
        file = self.fingerprint_file
        if not file.exists():
            _write_secret(file, secrets.token_hex(32))
        try:
            keys = fingerprint_keys.parse(file.read_text(errors="replace"))
        except fingerprint_keys.BadKeys as error:
            raise StoreUnavailable(f"{file}: {error}; copy it back") from None
        if keys.at(time.time()) is None:
            raise StoreUnavailable(f"{file}: none of its keys is in force now; change its times")
        return keys

    def write_fingerprint_keys(self, keys: Iterable[Key]) -> None:
        """Replace the keys of this store's fingerprints."""
        lines = (fingerprint_keys.line(key) for key in keys)
        _write_secret(self.fingerprint_file, "\n".join(lines) + "\n")

    def _owner(self) -> str:
        try:
            return (self.path / "lock").read_text(errors="replace").strip()
        except OSError:
            return ""


def _write_secret(file: Path, text: str) -> None:
    """Write a file whole and for its owner only; a reader sees the old one or the new one."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.rename(file)
