"""`partywall collect` as a user meets it: a process with arguments, output and an exit code."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from collecting import PROTOCOLS, SHIPPED, collecting, command
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall import attributes
from partywall_collector.commands import collect
from partywall_collector.commands.collect import ABORTED, BUILT_IN, main
from partywall_collector.components import COMPONENTS
from partywall_collector.store import QueryFailed, Store, open_store


def request(count: int) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(1, count + 1):
        span = scope.spans.add(trace_id=bytes(15) + b"\x01", span_id=number.to_bytes(8), name="x")
        span.attributes.add(key=attributes.TENANT_ID).value.string_value = "acme"
    return message.SerializeToString()


def post(endpoint: str, body: bytes) -> int:
    connection = http.client.HTTPConnection(endpoint, timeout=10)
    headers = {"Authorization": "Bearer good", "Content-Type": "application/x-protobuf"}
    connection.request("POST", "/v1/traces", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_collector_starts_takes_spans_and_stops_gracefully(tmp_path: Path) -> None:
    """From nothing: it says what to do first, takes a new principal at once, loads, ends with 0."""
    home = tmp_path / "home"
    with collecting(home) as running:
        assert any(
            "partywall registry token PRINCIPAL --tenant ID" in line for line in running.said
        )
        now = datetime.now(UTC)
        with open_store(f"chdb://{home}", role="writer") as store:  # through the owner's endpoint
            store.insert(
                "tenants", [{"tenant_id": "acme", "placement": "acme", "recorded_at": now}]
            )
            digest = hashlib.sha256(b"good").hexdigest()
            principal = {"principal_id": "agents", "tenants": ["acme"], "token_sha256": digest}
            store.insert("principals", [{**principal, "recorded_at": now}])
        threading.Event().wait(1.1)
        assert post(running.http, request(5)) == 200
        assert running.end() == 0
    assert any(line.startswith("5 spans taken, 5 loaded, 0 segments wait") for line in running.said)
    with open_store(f"chdb://{home}", role="reader") as store:
        assert store.rows("SELECT count() AS spans FROM spans") == [{"spans": 5}]


def test_ctrl_c_is_a_graceful_stop_and_a_second_collector_is_refused(tmp_path: Path) -> None:
    """The second one says which store is in use; the first one goes on until Ctrl-C."""
    home = tmp_path / "home"
    with collecting(home) as running:
        second = subprocess.run(
            [sys.executable, "-m", "partywall", "collect", *command(home)],
            capture_output=True,
            text=True,
        )
        assert second.returncode == 2
        assert second.stderr.startswith("partywall collect: ")
        assert str(home) in second.stderr
        assert running.end(signal.SIGINT) == 0


def test_a_collector_whose_engine_has_failed_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one that takes spans for ever and loads none: code 1, so that it is started again.

    No statement is known that brings a fatal error about, so the engine's words are put in.
    """
    asked = Store.rows

    def rows(self: Store, sql: str, params: Mapping[str, Any] | None = None) -> Any:
        if sql == "SELECT 1":
            raise QueryFailed("The server is shutting down due to a fatal error", ABORTED)
        return asked(self, sql, params)

    monkeypatch.setattr(Store, "rows", rows)
    monkeypatch.setattr(collect, "REPORT_EVERY", 0.1)
    assert main(command(tmp_path / "home")) == 1
    assert "lies in the spool and is loaded at the next start" in caplog.text


def test_a_port_that_is_taken_ends_with_the_key_of_the_endpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 2 and one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        setting = f"{PROTOCOLS}.http.endpoint={endpoint}"
        assert main(command(tmp_path / "home", "--set", setting)) == 2
    wanted = f"partywall collect: {PROTOCOLS}.http.endpoint: {endpoint} is taken by another process"
    assert wanted in capsys.readouterr().err


def test_validate_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 0 for the shipped file, 2 with file, line and key for a broken one."""
    assert main(["validate", "--config", str(SHIPPED)]) == 0
    broken = tmp_path / "broken.yaml"
    broken.write_text(SHIPPED.read_text().replace("tenant_router:", "tenant_rooter:"))
    assert main(["validate", "--config", str(broken)]) == 2
    error = capsys.readouterr().err
    assert re.match(
        r"partywall collect: .*broken\.yaml:15: processors\.tenant_rooter: there is no", error
    )
    assert "did you mean `tenant_router`?" in error


def test_without_a_file_the_shipped_configuration_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`print-config` gives a file to begin with; the working directory's file comes first."""
    monkeypatch.chdir(tmp_path)
    assert main(["print-config"]) == 0
    (tmp_path / "otel-config.yaml").write_text(capsys.readouterr().out)
    assert main(["validate"]) == 0
    (tmp_path / "otel-config.yaml").write_text("nonsense: 1")
    assert main(["validate"]) == 2
    assert "otel-config.yaml:1: nonsense is not a known key" in capsys.readouterr().err


def test_the_package_carries_the_shipped_file() -> None:
    """The one beside the README and the one in the wheel are the same."""
    assert BUILT_IN.read_bytes() == SHIPPED.read_bytes()


def test_a_missing_file_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that was named and is not there ends with code 2."""
    assert main(["validate", "--config", "nowhere.yaml"]) == 2
    assert "nowhere.yaml: cannot be read" in capsys.readouterr().err


def test_components_are_listed_with_their_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """As YAML for people, as JSON for programs."""
    assert main(["components", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {section: list(names) for section, names in listed.items()} == {
        section: list(names) for section, names in COMPONENTS.items()
    }
    assert main(["components"]) == 0
    assert "protocols.grpc.endpoint" in capsys.readouterr().out


def test_print_config_shows_the_result_without_passwords(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Overrides and environment are filled in; a store's password is not shown."""
    monkeypatch.setitem(os.environ, "PARTYWALL_STORE", "clickhouse://me:secret@db:8123/partywall")
    setting = f"{PROTOCOLS}.grpc.endpoint=0.0.0.0:1"
    assert main(["print-config", "--config", str(SHIPPED), "--set", setting]) == 0
    shown = capsys.readouterr().out
    assert "clickhouse://me:[redacted]@db:8123/partywall" in shown
    assert "secret" not in shown
    assert "0.0.0.0:1" in shown
