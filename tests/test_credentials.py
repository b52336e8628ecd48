"""Credentials: on every span of a block, revoked however it ends, no secret seen."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from exported import event, event_names, events, fact, named
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import partywall
from partywall import attributes, credentials, settings
from partywall.credentials import Issued

SECRET = "s3cr3t-4kQ7vZx9-canary"
KEY = "ab" * 32
WORK = "execute_tool work"


@pytest.fixture(autouse=True)
def clean(memory: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(settings.FINGERPRINT_KEY.name, KEY)
    monkeypatch.setattr(credentials, "_said", set[str]())
    yield
    for span in memory.get_finished_spans():
        assert SECRET not in span.to_json()


@partywall.tool
def work() -> str:
    return "done"


class Vault:
    """An issuer that keeps its books; what it does can be replaced."""

    def __init__(self, id: str = "lease-1", expires: float | datetime | None = None) -> None:
        self.issued = Issued(secret=SECRET, id=id, expires_at=expires, scopes=("crm:read",))
        self.live: list[Issued] = []
        self.on_issue: Callable[[], object] = lambda: None
        self.on_revoke: Callable[[], object] = lambda: None

    def issue(self) -> Issued:
        self.on_issue()
        self.live.append(self.issued)
        return self.issued

    def revoke(self, issued: Issued, /) -> None:
        self.on_revoke()
        self.live.remove(issued)


class AsyncVault(Vault):
    """The same, async."""

    async def issue(self) -> Issued:  # pyright: ignore[reportIncompatibleMethodOverride]  # the async form
        await asyncio.sleep(0)
        return super().issue()

    async def revoke(self, issued: Issued, /) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # the async form
        await asyncio.sleep(0)
        super().revoke(issued)


def fail(error: BaseException) -> Callable[[], object]:
    def failing() -> object:
        raise error

    return failing


def said_in_time(memory: InMemorySpanExporter, name: str) -> bool:
    """Whether an event of another thread comes; left behind, it would count for the next test."""
    end = time.monotonic() + 5
    while name not in event_names(memory) and time.monotonic() < end:
        time.sleep(0.005)
    return name in event_names(memory)


def test_numbers_of_spans_go_on_without_a_gap(memory: InMemorySpanExporter) -> None:
    """The block is no session of its own: its spans are counted by the same close record."""
    with partywall.session(tenant="acme"):
        work()
        with partywall.approval("CHG-1"), partywall.credential(Vault()):
            work()
    finished = memory.get_finished_spans()
    numbers = sorted(int(str(fact(span, attributes.SESSION_SEQUENCE))) for span in finished)
    assert numbers == list(range(1, len(finished) + 1))
    (close,) = named(memory, attributes.SESSION_CLOSE)
    assert fact(close, attributes.SESSION_SPANS) == len(finished)


def test_outside_a_session_neither_an_approval_nor_a_credential_begins() -> None:
    vault = Vault()
    with pytest.raises(partywall.BindingError, match="outside a session"):
        partywall.approval("CHG-1").__enter__()
    with pytest.raises(partywall.BindingError, match="outside a session"):
        partywall.credential(vault).__enter__()
    assert not vault.live


def test_a_credential_is_issued_used_and_revoked(memory: InMemorySpanExporter) -> None:
    """Its id and its end are on every span inside; events say when it began and ended."""
    before = time.time_ns() // 1_000_000
    end = datetime.now(UTC) + timedelta(minutes=5)
    vault = Vault(expires=end)
    with partywall.session(tenant="acme", approval="CHG-1"):
        with partywall.credential(vault) as issued:
            assert (issued.secret, issued.id) == (SECRET, "lease-1")
            work()
            assert vault.live
        assert not vault.live
        work()
    inside, outside = named(memory, WORK)
    assert fact(inside, attributes.CREDENTIAL_ID) == "lease-1"
    assert fact(inside, attributes.CREDENTIAL_EXPIRES) == int(end.timestamp() * 1000)
    assert fact(inside, attributes.APPROVAL_ID) == "CHG-1"
    assert fact(outside, attributes.CREDENTIAL_ID) is None
    begun = event(memory, attributes.CREDENTIAL_ISSUED)
    ended = event(memory, attributes.CREDENTIAL_REVOKED)
    assert begun[attributes.CREDENTIAL_SCOPES] == ("crm:read",)
    times = [before, begun[attributes.CREDENTIAL_TIME], ended[attributes.CREDENTIAL_TIME]]
    assert times == sorted(times, key=str)
    assert begun[attributes.CREDENTIAL_ID] == ended[attributes.CREDENTIAL_ID] == "lease-1"


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1), asyncio.CancelledError()]
)
def test_it_is_revoked_however_the_block_ends(
    memory: InMemorySpanExporter, error: BaseException
) -> None:
    vault = Vault()
    with (
        pytest.raises(type(error)),
        partywall.session(tenant="acme"),
        partywall.credential(vault),
    ):
        raise error
    assert not vault.live
    assert attributes.CREDENTIAL_REVOKED in event_names(memory)


@pytest.mark.parametrize("kind", [Vault, AsyncVault])
def test_a_cancelled_task_revokes_its_credential(
    memory: InMemorySpanExporter, kind: type[Vault]
) -> None:
    vault = kind()

    async def agent() -> None:
        async with partywall.session(tenant="acme"), partywall.credential(vault):
            work()
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(agent())
        while not vault.live:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not vault.live
    assert fact(named(memory, WORK)[0], attributes.CREDENTIAL_ID) == "lease-1"
    assert event_names(memory) == [attributes.CREDENTIAL_ISSUED, attributes.CREDENTIAL_REVOKED]


@pytest.mark.parametrize("kind", [Vault, AsyncVault])
def test_a_revocation_that_fails_never_hides_the_error_of_the_block(
    memory: InMemorySpanExporter, kind: type[Vault], caplog: pytest.LogCaptureFixture
) -> None:
    """It is recorded with the type of its error alone, and logged once."""
    vault = kind()
    vault.on_revoke = fail(OSError(f"vault is down, token {SECRET}"))

    async def agent() -> None:
        async with partywall.session(tenant="acme"), partywall.credential(vault):
            raise LookupError("the agent's own")

    for _ in range(2):
        with pytest.raises(LookupError, match="the agent's own"):
            asyncio.run(agent())
    failed = [e for e in events(memory) if e.name == attributes.CREDENTIAL_REVOKE_FAILED]
    assert [(e.attributes or {}).get("error.type") for e in failed] == ["OSError", "OSError"]
    assert sum("could not be revoked" in line for line in caplog.messages) == 1
    assert SECRET not in caplog.text


def test_a_block_that_did_its_work_does_not_fail_on_the_revocation(
    memory: InMemorySpanExporter,
) -> None:
    vault = Vault()
    vault.on_revoke = fail(OSError())
    with partywall.session(tenant="acme"), partywall.credential(vault):
        work()
    assert attributes.CREDENTIAL_REVOKE_FAILED in event_names(memory)


@pytest.mark.parametrize("kind", [Vault, AsyncVault])
def test_an_issuer_that_raises_fails_the_block_with_its_own_error(
    memory: InMemorySpanExporter, kind: type[Vault]
) -> None:
    vault = kind()
    vault.on_issue = fail(PermissionError(SECRET))
    ran: list[int] = []

    async def agent() -> None:
        async with partywall.session(tenant="acme"), partywall.credential(vault):
            ran.append(1)

    with pytest.raises(PermissionError):
        asyncio.run(agent())
    assert not ran
    assert event(memory, attributes.CREDENTIAL_ISSUE_FAILED)["error.type"] == "PermissionError"


def test_an_issuer_that_hangs_fails_in_time_and_its_late_credential_is_revoked(
    memory: InMemorySpanExporter,
) -> None:
    """What comes when nobody waits any longer would be a live credential that nobody knows of."""
    vault = Vault()
    gate, revoked = threading.Event(), threading.Event()
    vault.on_issue = lambda: gate.wait(10)
    vault.on_revoke = revoked.set
    begin = time.monotonic()
    with (
        pytest.raises(partywall.CredentialError, match=r"0\.05 seconds"),
        partywall.session(tenant="acme"),
        partywall.credential(vault, timeout=0.05),
    ):
        work()
    assert time.monotonic() - begin < 5
    assert not named(memory, WORK)
    assert event(memory, attributes.CREDENTIAL_ISSUE_FAILED)["error.type"] == "timeout"
    gate.set()
    assert revoked.wait(5)
    assert said_in_time(memory, attributes.CREDENTIAL_REVOKED)


def test_an_async_issuer_that_hangs_fails_in_time_and_is_cleaned_up_after() -> None:
    vault = AsyncVault()
    gate = threading.Event()

    class Slow(AsyncVault):
        async def issue(self) -> Issued:  # pyright: ignore[reportIncompatibleMethodOverride]  # the async form
            while not gate.is_set():
                await asyncio.sleep(0.01)
            vault.live.append(vault.issued)
            return vault.issued

        async def revoke(self, issued: Issued, /) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # the async form
            vault.live.remove(issued)

    async def agent() -> None:
        async with partywall.session(tenant="acme"), partywall.credential(Slow(), timeout=0.05):
            raise AssertionError

    async def main() -> None:
        with pytest.raises(partywall.CredentialError):
            await agent()
        gate.set()
        await asyncio.sleep(0.1)

    asyncio.run(main())
    assert not vault.live


def test_a_task_that_is_cancelled_while_it_waits_leaves_no_live_credential(
    memory: InMemorySpanExporter,
) -> None:
    vault = Vault()
    gate, revoked = threading.Event(), threading.Event()
    vault.on_issue = lambda: gate.wait(10)
    vault.on_revoke = revoked.set

    async def agent() -> None:
        async with partywall.session(tenant="acme"), partywall.credential(vault):
            raise AssertionError

    async def main() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await agent()

    asyncio.run(main())
    gate.set()
    assert revoked.wait(5)
    assert said_in_time(memory, attributes.CREDENTIAL_REVOKED)


def test_an_expired_credential_is_given_back_and_the_block_does_not_run(
    memory: InMemorySpanExporter,
) -> None:
    vault = Vault(expires=time.time() - 1)
    with (
        pytest.raises(partywall.CredentialError, match="expired"),
        partywall.session(tenant="acme"),
        partywall.credential(vault),
    ):
        work()
    assert not named(memory, WORK)
    assert not vault.live
    assert event_names(memory) == [
        attributes.CREDENTIAL_REVOKED,
        attributes.CREDENTIAL_ISSUE_FAILED,
    ]


@pytest.mark.parametrize(
    "issued",
    [
        None,
        "token",
        Issued(secret=""),
        Issued(secret=SECRET, expires_at=datetime(2030, 1, 1)),  # no zone
        Issued(secret=SECRET, expires_at=float("nan")),
        Issued(secret=SECRET, expires_at=-1),
        Issued(secret=SECRET, expires_at=1e300),
    ],
)
def test_what_is_no_credential_fails_the_block(issued: object) -> None:
    vault = Vault()
    vault.issued = issued  # pyright: ignore[reportAttributeAccessIssue]  # an issuer of any make
    with (
        pytest.raises(partywall.CredentialError),
        partywall.session(tenant="acme"),
        partywall.credential(vault),
    ):
        raise AssertionError
    assert not any(isinstance(live, Issued) for live in vault.live), "it was not given back"


@pytest.mark.parametrize("id", ["", SECRET, f"Bearer {SECRET}", SECRET[:9]])
def test_an_id_that_gives_the_secret_away_is_replaced_by_a_keyed_fingerprint(
    memory: InMemorySpanExporter, id: str
) -> None:
    """The same secret has the same id under one key, and another under another key."""
    found: set[str] = set()
    for _ in range(2):
        with partywall.session(tenant="acme"), partywall.credential(Vault(id)) as issued:
            work()
            found.add(issued.id)
    assert len(found) == 1
    assert found.pop().startswith("hmac:")
    assert SECRET.encode() not in encode_spans(memory.get_finished_spans()).SerializeToString()


def test_without_a_key_the_id_is_random_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(settings.FINGERPRINT_KEY.name)
    found: set[str] = set()
    with caplog.at_level(logging.WARNING), partywall.session(tenant="acme"):
        for _ in range(3):
            with partywall.credential(Vault("")) as issued:
                found.add(issued.id)
    assert len(found) == 3
    assert sum("named at random" in line for line in caplog.messages) == 1


@given(secret=st.text(min_size=1), id=st.text(max_size=20))
def test_the_id_never_holds_the_secret(secret: str, id: str) -> None:
    with partywall.session(tenant="acme"):
        vault = Vault()
        vault.issued = Issued(secret=secret, id=id)
        with partywall.credential(vault) as issued:
            assert issued.id
            assert issued.id == id or issued.id.startswith(("hmac:", "random:"))
            assert len(secret) < 6 or secret not in issued.id


def test_the_text_of_what_was_issued_has_no_secret() -> None:
    assert SECRET not in repr(Issued(secret=SECRET)) + str(Issued(secret=SECRET))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_revoke_its_parents_credential() -> None:
    vault = Vault()
    with partywall.session(tenant="acme"):
        used = partywall.credential(vault)
        used.__enter__()
        child = os.fork()
        if child == 0:
            used.__exit__(None, None, None)
            os._exit(0 if vault.live else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        used.__exit__(None, None, None)
    assert not vault.live


def test_wrong_use_is_refused_at_once() -> None:
    class Half(Vault):
        async def issue(self) -> Issued:  # pyright: ignore[reportIncompatibleMethodOverride]  # on purpose
            return self.issued

    for wrong in (object(), None, "vault", Half()):
        with pytest.raises(partywall.BindingError):
            partywall.credential(wrong)  # pyright: ignore[reportArgumentType]  # callers without types
    for timeout in (0, -1, float("inf"), float("nan")):
        with pytest.raises(partywall.BindingError, match="timeout"):
            partywall.credential(Vault(), timeout=timeout)
    with partywall.session(tenant="acme"):
        with pytest.raises(partywall.BindingError, match="async with"):
            partywall.credential(AsyncVault()).__enter__()
        used = partywall.credential(Vault())
        with used, pytest.raises(partywall.BindingError, match="in use"):
            used.__enter__()
