"""Alerts on their way: an SQLite file in the home folder, written before anything is sent.

A file of its own, and not a table of the store, because its rows change (waiting, delivered), each
change must be on disk before the next step, and it must work while the store does not answer. What
was told is not kept beside it: it is the last alert of a finding for a target.
"""

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from partywall_analyzer.alerts.alert import Alert, Event
from partywall_analyzer.model import Severity

FILE: Final = "alerts.db"
_COLUMNS: Final = (
    "id, event, target, tenant, finding, severity, was, subject, holder, made, began, link, body"
)


class OutboxInUse(Exception):
    """Another process sends the alerts of this store."""


Key = tuple[str, str, str]
"""A target, the tenant whose half it gets (empty for the operator), and a finding."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a target was told of a finding last, and how often it had been resolved before."""

    event: Event
    severity: Severity
    began: float
    episode: int

    @property
    def open(self) -> bool:
        """Whether the target thinks that it still stands."""
        return self.event is not Event.RESOLVED


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many alerts of a target wait, since when the oldest does, and what it said last."""

    target: str
    waiting: int
    refused: int
    delivered: int
    oldest: float | None
    error: str


@dataclass(frozen=True, slots=True)
class Done:
    """An alert that needs a record: of its delivery, or of what was asked of an issuer."""

    id: str
    event: Event
    target: str
    tenant: str
    finding: str
    severity: str
    subject: str
    holder: str
    made: float
    state: str
    error: str
    done: float | None
    recorded: int


class Outbox:
    """Thread-safe. One process at a time sends from it; any number may look."""

    def __init__(self, home: Path, *, sending: bool = True, copy: bool = False) -> None:
        """Open the outbox of a home folder; `copy` works on one in memory and changes nothing.

        Raises OutboxInUse.
        """
        self._lock = threading.RLock()
        self._held = _hold(home) if sending and not copy else None
        file = home / FILE
        if copy:
            self._db = sqlite3.connect(":memory:", check_same_thread=False)
            if file.exists():
                with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as there:
                    there.backup(self._db)
                there.close()
        else:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(file, check_same_thread=False, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
        self._db.row_factory = sqlite3.Row
        schema = (files(__package__ or "") / "outbox.sql").read_text("utf-8")
        self._db.executescript(schema)

    def put(self, alerts: Sequence[Alert], *, silent: frozenset[str]) -> None:
        """Write alerts down, all or none; one whose id is known is that one.

        `silent` ids are told nobody, only kept as told.
        """
        with self._transaction() as db:
            db.executemany(
                f"INSERT OR IGNORE INTO alerts ({_COLUMNS}, state, recorded) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *(a.id, a.event, a.target, a.tenant, a.finding_id, a.severity, a.was),
                        *(a.subject, a.holder, a.made, a.began, a.link, json.dumps(a.finding)),
                        "silent" if a.id in silent else "waiting",
                        int(a.id in silent),
                    )
                    for a in alerts
                ],
            )

    def told(self) -> dict[Key, Told]:
        """What was told last."""
        rows = self._rows(
            "SELECT target, tenant, finding, event, severity, began, max(seq), "
            "sum(event = 'resolved') AS episode FROM alerts GROUP BY target, tenant, finding"
        )
        return {
            (row["target"], row["tenant"], row["finding"]): Told(
                Event(row["event"]), Severity(row["severity"]), row["began"], row["episode"]
            )
            for row in rows
        }

    def next(self, target: str) -> Alert | None:
        """The oldest alert of a target that waits."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM alerts WHERE target = ? AND state = 'waiting' "
            "ORDER BY seq LIMIT 1",
            target,
        )
        return _alert(rows[0]) if rows else None

    def open(self, target: str) -> list[Alert]:
        """What a target was told and that still stands, for one that wants to be told again."""
        rows = self._rows(
            f"SELECT {_COLUMNS}, max(seq) FROM alerts "
            "WHERE target = ? AND state = 'delivered' GROUP BY finding",
            target,
        )
        return [_alert(row) for row in rows if row["event"] != Event.RESOLVED]

    def delivered(self, alert: Alert, *, keep: bool = False) -> None:
        """It was taken. `keep` its body, for a target that is told again."""
        self._done(alert, "delivered", "", alert.finding if keep else {})
        if keep:  # of the earlier ones about the finding nothing is said again
            self._write(
                "UPDATE alerts SET body = '{}' WHERE target = ? AND finding = ? "
                "AND state = 'delivered' AND seq < (SELECT seq FROM alerts WHERE id = ?)",
                *(alert.target, alert.finding_id, alert.id),
            )

    def refused(self, alert: Alert, why: str) -> None:
        """It will never be taken."""
        self._done(alert, "refused", why, {})

    def failed(self, alert: Alert, why: str) -> None:
        """It was not taken, and is tried again."""
        self._write("UPDATE alerts SET error = ? WHERE id = ?", why, alert.id)

    def unrecorded(self) -> list[Done]:
        """What the store must still be told: deliveries, refusals, and what issuers are asked."""
        rows = self._rows(
            "SELECT id, event, target, tenant, finding, severity, subject, holder, made, state, "
            "error, done, recorded FROM alerts WHERE state != 'silent' AND (recorded = 0 AND "
            "(state != 'waiting' OR event = 'revoke')) OR (recorded = 1 AND event = 'revoke' "
            "AND state = 'refused') ORDER BY seq LIMIT 1000"
        )
        return [_done(row) for row in rows]

    def unconfirmed(self) -> list[Done]:
        """Credentials that an issuer was asked to revoke and that were not seen revoked yet."""
        rows = self._rows(
            "SELECT id, event, target, tenant, finding, severity, subject, holder, made, state, "
            "error, done, recorded FROM alerts WHERE event = 'revoke' AND confirmed = 0"
        )
        return [_done(row) for row in rows]

    def recorded(self, ids: Sequence[str], step: int) -> None:
        """The store has a record of these: of what was asked (1), or of how it ended (2)."""
        with self._transaction() as db:
            db.executemany("UPDATE alerts SET recorded = ? WHERE id = ?", [(step, i) for i in ids])

    def confirmed(self, ids: Sequence[str]) -> None:
        """Their credentials are revoked."""
        with self._transaction() as db:
            db.executemany("UPDATE alerts SET confirmed = 1 WHERE id = ?", [(i,) for i in ids])

    def status(self) -> list[Waiting]:
        """By target."""
        rows = self._rows(
            "SELECT target, sum(state = 'waiting') AS waiting, sum(state = 'refused') AS refused, "
            "sum(state = 'delivered') AS delivered, "
            "min(CASE state WHEN 'waiting' THEN made END) AS oldest, "
            "coalesce((SELECT error FROM alerts AS b WHERE b.target = a.target "
            "AND b.state = 'waiting' AND b.error != '' ORDER BY seq LIMIT 1), '') AS error "
            "FROM alerts AS a GROUP BY target ORDER BY target"
        )
        return [Waiting(**dict(row)) for row in rows]

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _done(self, alert: Alert, state: str, error: str, body: dict[str, object]) -> None:
        self._write(
            "UPDATE alerts SET state = ?, error = ?, done = ?, body = ? WHERE id = ?",
            *(state, error, time.time(), json.dumps(body), alert.id),
        )

    def _write(self, sql: str, *values: object) -> None:
        with self._transaction() as db:
            db.execute(sql, values)

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock, self._db:
            yield self._db


def _done(row: sqlite3.Row) -> Done:
    values: dict[str, Any] = {**dict(row), "event": Event(row["event"])}
    return Done(**values)


def _alert(row: sqlite3.Row) -> Alert:
    return Alert(
        id=row["id"],
        event=Event(row["event"]),
        target=row["target"],
        tenant=row["tenant"],
        finding_id=row["finding"],
        severity=Severity(row["severity"]),
        was=row["was"],
        subject=row["subject"],
        holder=row["holder"],
        made=row["made"],
        began=row["began"],
        link=row["link"],
        finding=json.loads(row["body"]),
    )


def _hold(home: Path) -> int:
    descriptor = os.open(home / "alerts.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OutboxInUse(
            f"another process sends the alerts of {home}; stop that `partywall watch` or "
            "`partywall up --alerts` first"
        ) from None
    return descriptor
