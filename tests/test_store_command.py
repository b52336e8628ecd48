"""`partywall store`: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest

from partywall_collector.commands.store import main
from partywall_collector.store import Store


@pytest.fixture
def url(store: Store) -> str:
    """A store with one tenant, that nobody has open."""
    store.insert("tenants", [{"tenant_id": "acme", "placement": "acme"}])
    store.close()
    return store.url


def test_a_reader_is_made_listed_and_taken_back(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The password stands alone on standard output; it is not stored."""
    assert main(["reader", "add", "acme", "--store", url]) == 0
    said = capsys.readouterr()
    assert len(said.out.strip()) == 43
    assert "rows of acme, and no others" in said.err
    assert main(["reader", "list", "--store", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"readers": [{"user": "acme", "tenant": "acme"}]}
    assert main(["reader", "remove", "acme", "--store", url]) == 0
    assert main(["reader", "list", "--store", url]) == 0
    assert "acme  " not in capsys.readouterr().out
    assert main(["reader", "remove", "acme", "--store", url]) == 2
    assert "there is no reader 'acme'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "no tenant 'nobody' is registered"),
        (["acme", "--name", "writer"], "choose another --name"),
        (["acme", "--name", "a:b"], "choose another --name"),
    ],
)
def test_a_reader_that_cannot_be_is_refused(
    url: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the way out; exit code 2."""
    assert main(["reader", "add", *words, "--store", url]) == 2
    assert said in capsys.readouterr().err


def test_no_store_is_made_by_asking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped path stays empty."""
    assert main(["reader", "list", "--store", f"chdb://{tmp_path / 'none'}"]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert main(["reader", "list", "--store", "clickhouse://x"]) == 2
    assert "partywall store ddl --tenant" in capsys.readouterr().err
