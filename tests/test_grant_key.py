"""`partywall registry grant-key` registers who signs session grants."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from partywall.grants import issue, read
from partywall_collector.commands.registry import main as registry
from partywall_collector.issuer_keys import new_key
from partywall_collector.store import open_store

ISSUER = "https://tickets.msp.example"
PRIVATE, PUBLIC = new_key()


def test_the_command_registers_an_issuer(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the private key once, alone on stdout; a key of one's own is taken as a file."""
    url = f"chdb://{home}"
    with open_store(url, role="owner") as store:
        row = {"tenant_id": "acme", "name": "", "placement": "own-acme", "store_content": False}
        store.insert("tenants", [row | {"recorded_at": datetime.now(UTC)}])
    assert registry(["grant-key", ISSUER, "--tenant", "acme", "--store", url]) == 0
    assert sign(capsys.readouterr().out) == "acme"
    file = tmp_path / "public.pem"
    file.write_text(PUBLIC)
    assert registry(["grant-key", ISSUER, "--public-key", str(file), "--store", url]) == 0
    assert capsys.readouterr().out == ""
    assert registry(["show", "issuers", "--json", "--store", url]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"issuers": [{"id": ISSUER, "tenants": ["acme"], "public_key": PUBLIC}]}
    file.write_text(PRIVATE)
    assert registry(["grant-key", ISSUER, "--public-key", str(file), "--store", url]) == 2
    assert "PUBLIC KEY" in capsys.readouterr().err
    assert registry(["grant-key", ISSUER, "--tenant", "nobody", "--store", url]) == 2


def sign(private_key: str) -> str:
    """The tenant of a grant that this key signed."""
    names: dict[str, Any] = {"issuer": ISSUER, "principal": "p", "session": "s", "identity": "i"}
    return read(issue(private_key, tenant="acme", **names)).tenant
