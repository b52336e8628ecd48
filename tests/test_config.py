"""otel-config.yaml: what is shipped runs, what is wrong is named by file, line and key."""

import re
from pathlib import Path

import pytest

from partywall_collector.commands.collect import main
from partywall_collector.components import COMPONENTS, TenantRouter, keys
from partywall_collector.config import Config
from partywall_collector.config_document import ConfigError

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "otel-config.yaml"
GOOD = SHIPPED.read_text()
EVERY_LINE = re.DOTALL | re.MULTILINE


def load(tmp_path: Path, text: str, *overrides: str) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return Config.load([path], overrides)


def refusal(tmp_path: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, *overrides)
    return str(caught.value)


def test_the_shipped_file_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """It listens on loopback only, with authentication, and uses the embedded store."""
    monkeypatch.delenv("PARTYWALL_STORE", raising=False)
    config = Config.load([SHIPPED])
    protocols = config.receivers["otlp"].protocols
    assert protocols.grpc is not None
    assert protocols.http is not None
    assert protocols.grpc.endpoint == "127.0.0.1:4317"
    assert protocols.http.endpoint == "127.0.0.1:4318"
    assert config.exporter.endpoint == "chdb://.partywall"
    assert config.health["health_check"].endpoint == "127.0.0.1:13133"


def test_the_environment_names_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """`${env:NAME:-default}` takes the variable where it is set."""
    monkeypatch.setenv("PARTYWALL_STORE", "clickhouse://u:p@db:8123/partywall")
    assert Config.load([SHIPPED]).exporter.endpoint == "clickhouse://u:p@db:8123/partywall"


def test_a_receiver_takes_the_signals_of_its_pipelines(tmp_path: Path) -> None:
    """As in the stock collector: a pipeline `logs` brings governance events."""
    assert Config.load([SHIPPED]).signals == {"otlp": {"traces", "logs"}}
    assert load(tmp_path, GOOD.replace("    logs:", "    traces/2:")).signals == {
        "otlp": {"traces"}
    }


def test_later_files_and_overrides_win_key_by_key(tmp_path: Path) -> None:
    """A second file changes what it names and leaves the rest."""
    second = tmp_path / "second.yaml"
    second.write_text("receivers: {otlp: {protocols: {grpc: {endpoint: '0.0.0.0:1'}}}}")
    batch = "exporters.clickhouse.sending_queue.batch"
    config = Config.load(
        [SHIPPED, second], [f"{batch}.flush_timeout=1m30s", f"{batch}.max_spans=7"]
    )
    protocols = config.receivers["otlp"].protocols
    assert protocols.grpc is not None
    assert protocols.http is not None
    assert (protocols.grpc.endpoint, protocols.http.endpoint) == ("0.0.0.0:1", "127.0.0.1:4318")
    assert protocols.grpc.auth.authenticator == ("registry_auth",)
    assert config.exporter.sending_queue.batch.flush_timeout == 90
    assert config.exporter.sending_queue.batch.max_spans == 7


def test_a_filled_in_number_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unquoted variable has the type of its text, `$$` is a dollar sign."""
    monkeypatch.setenv("MEBIBYTES", "3")
    monkeypatch.setenv("HOST", "0.0.0.0")
    text = GOOD.replace(
        "127.0.0.1:4317", "${env:HOST}:4317\n        max_recv_msg_size_mib: ${env:MEBIBYTES}"
    )
    text = text.replace("${env:PARTYWALL_STORE:-chdb://.partywall}", "chdb:///a$$b")
    config = load(tmp_path, text)
    grpc = config.receivers["otlp"].protocols.grpc
    assert grpc is not None
    assert (grpc.endpoint, grpc.max_recv_msg_size_mib) == ("0.0.0.0:4317", 3)
    assert config.exporter.endpoint == "chdb:///a$b"


def test_components_may_have_names_and_a_protocol_may_be_bare(tmp_path: Path) -> None:
    """`type/name` ids, several receivers, `grpc` alone."""
    second_file = "receivers: {otlp/second: {protocols: {grpc: }}}"
    text = GOOD.replace("receivers: [otlp]", "receivers: [otlp, otlp/second]")
    auth = "receivers.otlp/second.protocols.grpc.auth.authenticator=registry_auth"
    (tmp_path / "a.yaml").write_text(second_file)
    (tmp_path / "b.yaml").write_text(text)
    elsewhere = "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:0"
    config = Config.load([tmp_path / "a.yaml", tmp_path / "b.yaml"], [auth, elsewhere])
    second = config.receivers["otlp/second"].protocols
    assert second.grpc is not None
    assert second.http is None


def test_telemetry_is_accepted_and_its_log_level_used(tmp_path: Path) -> None:
    """Keys of the stock collector's own telemetry do not stop the start."""
    text = GOOD.replace(
        "    metrics:\n", "    traces: {}\n    logs: {level: debug}\n    metrics:\n"
    )
    assert load(tmp_path, text).telemetry.log_level == "debug"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "        endpoint: 127.0.0.1:4317",
            "        endpiont: 127.0.0.1:4317",
            "c.yaml:8: receivers.otlp.protocols.grpc.endpiont is not a known key; did you mean"
            " `endpoint`?",
        ),
        ("  otlp:\n", "  otpl:\n", "c.yaml:5: receivers.otpl: there is no component `otpl` here;"),
        ("exporters:\n", "exporter:\n", "c.yaml:17: exporter is not a known key; did you mean"),
        ("  health_check:\n", "  zpages:\n", "extensions.zpages: there is no component `zpages`"),
        (
            "endpoint: 127.0.0.1:4318",
            "endpoint: 4318",
            "c.yaml:11: receivers.otlp.protocols.http.endpoint must be host:port",
        ),
        (
            "endpoint: 127.0.0.1:4318",
            "max_request_body_size: lots",
            "c.yaml:11: receivers.otlp.protocols.http.max_request_body_size must be a whole number",
        ),
        (
            "endpoint: 127.0.0.1:4318",
            "max_request_body_size: 0",
            "c.yaml:11: receivers.otlp.protocols.http.max_request_body_size must be 1 or more",
        ),
        (
            "        auth: {authenticator: registry_auth}\n      http",
            "      http",
            "receivers.otlp.protocols.grpc.auth.authenticator is missing: every sender needs a",
        ),
        (
            "[registry_auth, health_check]",
            "[health_check]",
            "receivers.otlp.protocols.grpc.auth.authenticator names `registry_auth`, which is no"
            " running authenticator",
        ),
        ("[tenant_router]", "[]", "service.pipelines.traces.processors lacks `tenant_router`"),
        (
            "  tenant_router:",
            "  batch: {send_batch_size: 8192, timeout: 200ms}\n  tenant_router:",
            "c.yaml:15: processors.batch: batches are made on disk, after the acknowledgement"
            " and not before it: leave `batch` out of the pipelines, and write"
            " exporters.clickhouse.sending_queue.batch",
        ),
        (
            "  tenant_router:",
            "  tenant_router: {own_partitions: 1001}\n  tenant_router/2:",
            "processors.tenant_router.own_partitions must be 1000 or less",
        ),
        (
            "  tenant_router:",
            "  tenant_router: {pools: 0}\n  tenant_router/2:",
            "processors.tenant_router.pools must be 1 or more",
        ),
        (
            "chdb://.partywall}",
            "chdb://.partywall}\n    load_memory_mib: 255",
            "exporters.clickhouse.load_memory_mib must be at least 256, or 0 for",
        ),
        ("receivers: [otlp]", "receivers: []", "service.pipelines.traces.receivers names none"),
        ("exporters: [clickhouse]", "exporters: []", "must name one `clickhouse`"),
        (
            "receivers: [otlp]",
            "receivers: [otlp/2]",
            "c.yaml:29: service.pipelines.traces.receivers names `otlp/2`, which is not configured",
        ),
        (
            "    traces:",
            "    metrics:",
            "service.pipelines.metrics: only `traces`, `logs`, `traces/",
        ),
        ("    traces:", "    tracer:", "service.pipelines.tracer: only `traces`"),
        (
            "${env:PARTYWALL_STORE:-chdb://.partywall}",
            "http://somewhere",
            "exporters.clickhouse.endpoint: 'http://somewhere' is no store; write chdb://",
        ),
        (
            "endpoint: 127.0.0.1:4318",
            "traces_url_path: v1/traces",
            "receivers.otlp.protocols.http.traces_url_path must begin with `/`, as in /v1/traces",
        ),
        (
            "  health_check:\n",
            "  health_check: {path: health}\n",
            "extensions.health_check.path must begin with `/`, as in /health",
        ),
        (
            "  registry_auth:\n",
            "  registry_auth: {refresh_interval: 0s}\n",
            "extensions.registry_auth.refresh_interval must be 0.1s or more",
        ),
        (
            "endpoint: 127.0.0.1:4318",
            "endpoint: 127.0.0.1:4318\n        logs_url_path: /v1/traces",
            "receivers.otlp.protocols.http.logs_url_path is traces_url_path too",
        ),
        ("[otlp]", "otlp", "service.pipelines.traces.receivers must be a list"),
        ("chdb://.partywall}", "chdb://.partywall", "`${` is not known; write `${env:NAME}`"),
        (
            "${env:PARTYWALL_STORE:-chdb://.partywall}",
            "${env:NOT_SET_ANYWHERE}",
            "NOT_SET_ANYWHERE is not set",
        ),
        ("${env:PARTYWALL_STORE:-chdb://.partywall}", "${file:x}", "`${file:x}` is not known"),
        ("  tenant_router:", "  tenant_router: {tenants: [a]}\n  tenant_router:", "tenant_router"),
        ("receivers:\n  otlp:", "receivers:\n  otlp: 5\n  x:", "receivers.otlp must be a mapping"),
        ("service:", "services:", "services is not a known key; did you mean `service`?"),
    ],
)
def test_a_mistake_is_named_by_line_and_key(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    """The error says where, which key, and what would be right."""
    assert old in GOOD
    text = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert message in text
    assert "c.yaml" in text


def test_all_pipelines_place_tenants_by_the_same_limits(tmp_path: Path) -> None:
    """The keys of the one router, whose name may differ; several limits are refused."""
    routers = "  tenant_router: {pools: 4}\n  tenant_router/b: {pools: 4}"
    text = GOOD.replace("  tenant_router:", routers)
    head, _, tail = text.rpartition("[tenant_router]")
    text = f"{head}[tenant_router/b]{tail}"
    assert load(tmp_path, text).tenant_router == TenantRouter(own_partitions=100, pools=4)
    error = refusal(tmp_path, text.replace("router/b: {pools: 4}", "router/b: {pools: 5}"))
    assert "service.pipelines place tenants by several limits (traces, logs)" in error


LIMITED = GOOD.replace("[tenant_router]", "[memory_limiter, tenant_router]").replace(
    "  tenant_router:", "  memory_limiter: {limit_mib: 400}\n  tenant_router:"
)


def test_a_memory_limiter_stands_first(tmp_path: Path) -> None:
    """It is part of the configuration where a pipeline names it, not where none does."""
    limiter = load(tmp_path, LIMITED).memory_limiter
    assert limiter is not None
    assert limiter.limit_mib == 400
    unused = LIMITED.replace("[memory_limiter, tenant_router]", "[tenant_router]")
    assert load(tmp_path, unused).memory_limiter is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[memory_limiter, tenant_router]", "[tenant_router, memory_limiter]", "must stand first"),
        ("limit_mib: 400", "", "processors.memory_limiter.limit_mib is missing, and so is"),
        ("{limit_mib: 400", "{limit_percentage: 101", "limit_percentage must be 100 or less"),
        ("{limit_mib: 400", "{limit_mib: -1", "limit_mib must be 0 or more"),
        ("400", "400, check_interval: 0s", "check_interval must be more than 0s"),
        ("400", "400, spike_limit_mib: 400", "spike_limit_mib must be less than the limit"),
        (
            "  telemetry:",
            "    traces/b: {receivers: [otlp], processors: [tenant_router],"
            " exporters: [clickhouse]}\n  telemetry:",
            "several limits (traces: memory_limiter, logs: memory_limiter, traces/b: none)",
        ),
    ],
)
def test_a_memory_limiter_that_could_not_do_its_work_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    """Behind other work, without a limit, with one that is none, or in a part of the pipelines."""
    assert old in LIMITED
    assert message in refusal(tmp_path, LIMITED.replace(old, new, 1))


@pytest.mark.parametrize("page", ["collector.md", "configuration.md"])
def test_the_examples_of_the_pages_are_good(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each YAML block of the docs, merged into the shipped file, is what `validate` accepts."""
    examples = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / page).read_text(), EVERY_LINE)
    assert examples
    for example in examples:
        path = tmp_path / "example.yaml"
        path.write_text(example)
        assert main(["validate", "--config", str(SHIPPED), "--config", str(path)]) == 0, example
    capsys.readouterr()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("receivers.otlp", "--set receivers.otlp: write it as key.path=value"),
        ("=x", "--set =x: write it as key.path=value"),
        (
            "receivers.otlp.protocols.grpc.endpoint=nowhere",
            "--set receivers.otlp.protocols.grpc.endpoint: receivers.otlp.protocols.grpc.endpoint"
            " must be host:port",
        ),
        (
            "exporters.clickhouse.endpoint=${env:NOT_SET_ANYWHERE}",
            "--set exporters.clickhouse.endpoint: the environment variable NOT_SET_ANYWHERE is not",
        ),
        (
            "extensions.health_check.endpoint=127.0.0.1:4318",
            "extensions.health_check.endpoint: 127.0.0.1:4318 is that of"
            " receivers.otlp.protocols.http.endpoint too; choose another port",
        ),
        (
            "service.telemetry.metrics.address=127.0.0.1:4317",
            "service.telemetry.metrics.address: 127.0.0.1:4317 is that of"
            " receivers.otlp.protocols.grpc.endpoint too",
        ),
        ("exporters.clickhouse.nothing=", "--set exporters.clickhouse.nothing: exporters"),
    ],
)
def test_a_mistake_in_an_override_names_the_override(
    tmp_path: Path, override: str, message: str
) -> None:
    """`--set` has no line; its text stands in the error."""
    assert message in refusal(tmp_path, GOOD, override)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "service is missing"),
        ("a: [b", "this is not YAML"),
        ("\x00", "this is not YAML"),
        ("- a", "must be a mapping of keys"),
        ("service:\n", "service.pipelines is missing"),
        ("a: &a [*a]", "this is not YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    """Whatever the bytes are, the answer is one line."""
    assert message in refusal(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path stands in the error."""
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read: No such file"):
        Config.load([tmp_path / "no.yaml"])


def test_every_key_is_in_the_reference_page() -> None:
    """docs/configuration.md has a row with each key's name, type, default and meaning."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    kinds = {key.type for items in COMPONENTS.values() for it in items.values() for key in keys(it)}
    assert all(f"| `{kind}` | " in page for kind in kinds)
    for section, components in COMPONENTS.items():
        for name, component in components.items():
            assert f"### {section}: `{name}`" in page
            for key in keys(component):
                row = f"| `{key.name}` | {key.type} | {key.shown} | {key.doc} |"
                assert row in page, row
