"""TLS and mTLS: real certificates, the real exporters, renewal while the collector runs."""

import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import grpc
import pytest
from certificates import Authority
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from partywall_collector.collector import Collector
from partywall_collector.config import Config
from partywall_collector.config_document import ConfigError
from partywall_collector.endpoints import Tls
from partywall_collector.registry.load import write
from partywall_collector.registry.model import Principal, Tenant
from partywall_collector.store import Store, open_store
from partywall_collector.tls import Certificates

DESK = "spiffe://msp.example/agent/desk"
CONFIG = """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:0
        tls: {{cert_file: {cert}, key_file: {key}, client_ca_file: {ca}, reload_interval: 0s}}
        auth: {{authenticator: registry_auth}}
      http:
        endpoint: 127.0.0.1:0
        tls: {{cert_file: {cert}, key_file: {key}, client_ca_file: {ca}, reload_interval: 0s}}
        auth: {{authenticator: registry_auth}}
processors: {{tenant_router:}}
exporters: {{clickhouse:}}
extensions: {{registry_auth:}}
service:
  extensions: [registry_auth]
  pipelines: {{traces: {{receivers: [otlp], processors: [tenant_router], exporters: [clickhouse]}}}}
"""


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """With these, requests trusts that bundle in place of the exporter's certificate_file."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    with open_store(f"chdb://{folder}/home", role="owner") as store:
        write(
            [
                Tenant(id="acme"),
                Principal(id="desk", tenants=("acme",), spiffe_id=DESK),
            ],
            store,
        )
        yield store


@pytest.fixture(scope="module")
def collector(store: Store, folder: Path, authority: Authority) -> Iterator[Collector]:
    cert, key = authority.issue("server")
    path = folder / "otel-config.yaml"
    path.write_text(CONFIG.format(cert=cert, key=key, ca=authority.ca))
    with Collector(store, Config.load([path])) as collector:
        yield collector


def exporters(collector: Collector, ca: Path, pair: tuple[Path, Path]) -> list[SpanExporter]:
    credentials = grpc.ssl_channel_credentials(
        ca.read_bytes(), pair[1].read_bytes(), pair[0].read_bytes()
    )
    return [
        GrpcExporter(f"https://{collector.grpc_endpoint}", credentials=credentials, timeout=5),
        HttpExporter(
            f"{collector.http_endpoint}/v1/traces",
            certificate_file=str(ca),
            client_certificate_file=str(pair[0]),
            client_key_file=str(pair[1]),
            timeout=5,
        ),
    ]


def spans() -> list[ReadableSpan]:
    span = TracerProvider().get_tracer("tls").start_span("call")
    span.end()
    assert isinstance(span, ReadableSpan)
    return [span]


def results(senders: list[SpanExporter]) -> list[SpanExportResult]:
    try:
        return [sender.export(spans()) for sender in senders]
    finally:
        for sender in senders:
            sender.shutdown()


def test_the_real_exporters_are_known_by_their_certificates(
    collector: Collector, authority: Authority
) -> None:
    """The SPIFFE id in the certificate names the principal; no token is needed."""
    before = collector.stats().accepted_spans
    assert collector.http_endpoint.startswith("https://")
    assert (
        results(exporters(collector, authority.ca, authority.issue("desk", DESK)))
        == [SpanExportResult.SUCCESS] * 2
    )
    assert collector.stats().accepted_spans == before + 2


@pytest.mark.parametrize("uris", [(), ("spiffe://msp.example/other",), (DESK, "https://a/b")])
def test_a_certificate_that_names_no_principal_is_refused(
    collector: Collector, authority: Authority, uris: tuple[str, ...]
) -> None:
    """A good signature is not enough; two URIs make no SPIFFE id."""
    before = collector.stats().refused.get("unauthenticated", 0)
    assert (
        results(exporters(collector, authority.ca, authority.issue("stranger", *uris)))
        == [SpanExportResult.FAILURE] * 2
    )
    assert collector.stats().refused["unauthenticated"] == before + 2


def test_a_certificate_of_another_authority_does_not_connect(
    collector: Collector, authority: Authority, folder: Path
) -> None:
    """Whoever signs himself a known SPIFFE id gets no connection."""
    forged = Authority(folder, "forger").issue("forged", DESK)
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.load_cert_chain(*forged)
    request = Request(f"{collector.http_endpoint}/v1/traces", b"", method="POST")
    with pytest.raises(OSError, match=r"(?i)unknown ca|reset|closed|broken pipe|eof"):
        urlopen(request, context=context, timeout=5)
    channel = grpc.secure_channel(
        collector.grpc_endpoint,
        grpc.ssl_channel_credentials(
            authority.ca.read_bytes(), forged[1].read_bytes(), forged[0].read_bytes()
        ),
    )
    with channel, pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(timeout=1)


def test_a_renewed_certificate_is_served_without_a_restart(
    collector: Collector, authority: Authority, folder: Path
) -> None:
    """New connections get the new certificate and the new client CA; the old CA is forgotten."""
    old = (folder / "server.pem").read_bytes(), authority.ca.read_bytes()
    renewed = Authority(folder, "renewed")
    pair = renewed.issue("server")
    authority.ca.write_bytes(renewed.ca.read_bytes())
    try:
        assert (
            results(exporters(collector, renewed.ca, renewed.issue("desk", DESK)))
            == [SpanExportResult.SUCCESS] * 2
        )
        host, port = collector.grpc_endpoint.split(":")
        served = ssl.get_server_certificate((host, int(port)))
        assert served.split() == pair[0].read_text().split()
        assert old[0] != pair[0].read_bytes()
        pair[0].write_text("broken")
        assert (
            results(exporters(collector, renewed.ca, renewed.issue("desk", DESK)))
            == [SpanExportResult.SUCCESS] * 2
        )
    finally:
        authority.ca.write_bytes(old[1])
        authority.issue("server")
        os.utime(authority.ca, (time.time(), time.time()))


def test_mistakes_name_the_key_and_the_file(folder: Path, authority: Authority) -> None:
    """A missing file, a key of another certificate, a CA that is none, a version for gRPC."""
    cert, key = map(str, authority.issue("one"))
    other = str(authority.issue("two")[1])
    text = folder / "text"
    text.write_text("no certificate")
    for settings, said in (
        (Tls(cert_file=cert), r"x\.tls\.key_file is missing"),
        (Tls(cert_file="/none", key_file=key), r"x\.tls\.cert_file: /none cannot be read: No such"),
        (Tls(cert, other), rf"x\.tls\.key_file: {other} is no private key .* of .*{cert}"),
        (Tls(cert, key, str(text)), rf"x\.tls\.client_ca_file: {text} holds no certificate"),
    ):
        with pytest.raises(ConfigError, match=said):
            Certificates(settings, "x.tls")
    with pytest.raises(ConfigError, match=r"x\.tls\.min_version: gRPC takes TLS 1\.2"):
        Certificates(Tls(cert, key, min_version="1.3"), "x.tls").for_grpc()
    context = Certificates(Tls(cert, key, min_version="1.3"), "x.tls").for_http()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
