"""The distro `partywall` of auto-instrumentation: traces go to the collector, nothing else does.

It serves only who asks for it (`OTEL_PYTHON_DISTRO=partywall`, as `partywall run` does): the first
distro that is installed would otherwise win over that of another vendor.
"""

import os
from typing import Any

from opentelemetry.environment_variables import (
    OTEL_LOGS_EXPORTER,
    OTEL_METRICS_EXPORTER,
    OTEL_TRACES_EXPORTER,
)
from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_PROTOCOL

from partywall import settings
from partywall.exporting import DEFAULT_PROTOCOL

OTEL_PYTHON_DISTRO = "OTEL_PYTHON_DISTRO"


class PartywallDistro(BaseDistro):
    """Sets what the environment leaves open."""

    def _configure(self, **kwargs: Any) -> None:
        os.environ.setdefault(OTEL_EXPORTER_OTLP_PROTOCOL, DEFAULT_PROTOCOL)
        os.environ.setdefault(OTEL_METRICS_EXPORTER, "none")
        os.environ.setdefault(OTEL_LOGS_EXPORTER, "none")
        # With an endpoint of ours, `attach` adds the export; a second one would double the spans.
        traces = "none" if settings.ENDPOINT.text() else "otlp"
        os.environ.setdefault(OTEL_TRACES_EXPORTER, traces)


def distro() -> BaseDistro | None:
    """The entry point; None is passed over."""
    return PartywallDistro() if os.environ.get(OTEL_PYTHON_DISTRO) == "partywall" else None
