"""A tenant's reader takes no time, memory or place that loading and other readers need."""

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlencode

import pytest

from partywall_collector.store import Store, execution, open_store, protocol
from partywall_collector.store.facade import serve
from partywall_collector.store.home import Account, Endpoint
from partywall_collector.store.readers import add_reader

ENDLESS: Final = "SELECT count() FROM system.numbers"
HUGE: Final = "SELECT length(groupArray(number)) FROM numbers(1000000000)"
TIMEOUT: Final = "159"
MEMORY_LIMIT: Final = "241"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(f"chdb://{tmp_path_factory.mktemp('limits')}", role="owner") as store:
        store.insert("tenants", [{"tenant_id": each, "placement": each} for each in ("a", "b")])
        yield store


@pytest.fixture(scope="module")
def endpoint(owner: Store) -> Iterator[Endpoint]:
    with serve(owner) as endpoint:
        assert endpoint is not None
        yield endpoint


@pytest.fixture(scope="module")
def readers(owner: Store) -> dict[str, Account]:
    """One of each tenant."""
    return {each: Account(f"{each}-r", add_reader(owner, each, f"{each}-r")) for each in "ab"}


def ask(endpoint: Endpoint, account: Account, sql: str, **query: str) -> tuple[int, str, str]:
    """The status, the engine's code and the body of an answer."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=60)
    words = {"user": account.user, "password": account.password} | query
    connection.request("POST", f"/?{urlencode(words)}", sql.encode())
    answer = connection.getresponse()
    said = answer.status, answer.headers.get("X-ClickHouse-Exception-Code", "")
    text = answer.read().decode()
    connection.close()
    return (*said, text)


@pytest.mark.parametrize("asked", [{}, {"max_execution_time": "0"}, {"max_execution_time": "99"}])
def test_an_endless_statement_of_a_tenant_ends(
    endpoint: Endpoint,
    readers: dict[str, Account],
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, str],
) -> None:
    """Whatever time it asks for."""
    monkeypatch.setattr(execution, "MAX_TENANT_SECONDS", 1)
    status, code, _ = ask(endpoint, readers["a"], ENDLESS, **asked)
    assert (status, code) == (500, TIMEOUT)


def test_a_tenant_may_ask_for_less_time(endpoint: Endpoint, readers: dict[str, Account]) -> None:
    """Its own limit counts where it is shorter."""
    began = time.monotonic()
    assert ask(endpoint, readers["a"], ENDLESS, max_execution_time="1")[1] == TIMEOUT
    assert time.monotonic() - began < execution.MAX_TENANT_SECONDS / 2


def test_a_statement_of_a_tenant_cannot_take_the_memory(
    endpoint: Endpoint, readers: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with an error; the engine answers on."""

    def small(memory: int) -> int:
        return memory and 64 << 20

    monkeypatch.setattr(execution, "reader_bytes", small)
    assert ask(endpoint, readers["a"], HUGE)[1] == MEMORY_LIMIT
    assert ask(endpoint, readers["a"], "SELECT 1")[2] == "1\n"


def test_nobody_waits_for_the_statements_of_one_tenant(
    endpoint: Endpoint, readers: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the operator, and not another tenant."""
    monkeypatch.setattr(execution, "MAX_TENANT_SECONDS", 4)
    many = protocol.MAX_AT_ONCE + 2
    with ThreadPoolExecutor(many) as threads:
        busy = [threads.submit(ask, endpoint, readers["a"], ENDLESS) for _ in range(many)]
        time.sleep(0.5)
        began = time.monotonic()
        for account in (endpoint.reader, readers["b"], endpoint.writer):
            assert ask(endpoint, account, "SELECT 1")[2] == "1\n"
        assert not any(each.done() for each in busy), time.monotonic() - began
        monkeypatch.setattr(execution, "MAX_TENANT_SECONDS", 1)
        assert {each.result()[1] for each in busy} == {TIMEOUT}


def test_a_reader_sends_no_more_than_a_statement(
    endpoint: Endpoint, readers: dict[str, Account]
) -> None:
    """Only the writer sends rows, so only its requests may be large."""
    long = f"SELECT 1 -- {'x' * protocol.MAX_QUESTION}"
    for account in (readers["a"], endpoint.reader):
        status, _, text = ask(endpoint, account, long)
        assert status == 500
        assert f"{protocol.MAX_QUESTION} bytes" in text
    assert ask(endpoint, endpoint.reader, "SELECT 1")[2] == "1\n"


@pytest.mark.parametrize("query_id", ["a\nb", "\u20ac", "a\x00", "x" * 300])
def test_a_query_id_that_cannot_stand_in_a_header_is_refused(
    endpoint: Endpoint, readers: dict[str, Account], query_id: str
) -> None:
    """With a word, and not with a broken connection."""
    status, _, text = ask(endpoint, readers["a"], "SELECT 1", query_id=query_id)
    assert status == 400
    assert "query_id" in text
