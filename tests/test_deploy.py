"""The files of deploy/ are well-formed and agree with the commands and with each other."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parent.parent / "deploy"
FILES = sorted(DEPLOY.rglob("*.yaml"))


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def partywall(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "partywall", *words],
        env=os.environ | {"PARTYWALL_STORE": "clickhouse://host/partywall"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_every_file_is_yaml_and_documented(file: Path) -> None:
    """And none is forgotten in the page."""
    assert list(yaml.safe_load_all(file.read_text()))
    page = (DEPLOY.parent / "docs" / "deploy.md").read_text()
    assert str(file.relative_to(DEPLOY.parent)) in page


def test_the_configuration_of_the_containers_is_good() -> None:
    """As the collector itself reads it, and reachable from outside the container."""
    done = partywall("collect", "validate", "--config", str(DEPLOY / "otel-config.yaml"))
    assert done.returncode == 0, done.stderr


def test_containers_run_commands_that_exist_with_their_options() -> None:
    """The collector with its configuration and a home that lasts; the dashboard for nobody else."""
    services = documents("compose.yaml")[0]["services"]
    manifests = {each["metadata"]["name"]: each for each in documents("kubernetes/partywall.yaml")}
    specs = {
        name: manifests[f"partywall-{name}"]["spec"]["template"]["spec"]["containers"][0]
        for name in ("collector", "dashboard")
    }
    for name, action in (("collector", "collect"), ("dashboard", "dashboard")):
        text = partywall(action, "--help").stdout
        for command in (services[name]["command"], specs[name]["args"]):
            assert command[0] == action
            assert all(word in text for word in command if word.startswith("--")), command
    assert services["dashboard"]["ports"] == ["127.0.0.1:8501:8501"]
    assert "home:/var/lib/partywall" in services["collector"]["volumes"]
    mounts = {each["mountPath"] for each in specs["collector"]["volumeMounts"]}
    assert mounts == {"/var/lib/partywall", "/etc/partywall"}


@pytest.mark.parametrize("name", ["gateway/otel-collector.yaml", "kafka/otel-collector.yaml"])
def test_the_stock_collector_names_only_what_it_declares(name: str) -> None:
    """Each receiver, processor, exporter and extension of its service is there."""
    (config,) = documents(name)
    service = config["service"]
    assert set(service["extensions"]) == set(config["extensions"])
    for kind in ("receivers", "processors", "exporters"):
        assert set(service["pipelines"]["traces"][kind]) == set(config[kind])
    (exporter,) = config["exporters"].values()
    if "auth" in exporter:
        assert exporter["auth"]["authenticator"] in config["extensions"]
    assert exporter["sending_queue"]["storage"] in config["extensions"]
