"""`partywall collect` in a process of its own, on free ports."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SHIPPED = Path(__file__).parent.parent.parent / "otel-config.yaml"
PROTOCOLS = "receivers.otlp.protocols"
METRICS = "service.telemetry.metrics.address"


def command(home: Path, *more: str) -> list[str]:
    """The shipped configuration on free ports."""
    endpoints = [f"{PROTOCOLS}.{name}.endpoint=127.0.0.1:0" for name in ("grpc", "http")]
    others = [f"{key}=127.0.0.1:0" for key in ("extensions.health_check.endpoint", METRICS)]
    sets = [*endpoints, *others]
    words = ["--config", str(SHIPPED), "--store", f"chdb://{home}"]
    return [*words, *(word for setting in sets for word in ("--set", setting)), *more]


class Process:
    """A running `partywall collect` and what it has said."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line.strip())
            if line == "ready\n":
                break

    @property
    def http(self) -> str:
        return next(
            line.removeprefix("OTLP/HTTP on http://") for line in self.said if "HTTP" in line
        )

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait(60)


@contextmanager
def collecting(home: Path, *more: str) -> Generator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-m", "partywall", "collect", *command(home, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield Process(process)
        finally:
            process.kill()
