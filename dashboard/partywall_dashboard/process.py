"""The dashboard as a child of `partywall up` and `partywall demo`."""

import os
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import Final, Self
from urllib.error import URLError
from urllib.request import urlopen

READY_WITHIN: Final = 60.0
STOP_WITHIN: Final = 5.0


class DashboardProcess:
    """Starts `partywall dashboard` beside this process; Ctrl-C in the terminal does not reach it.

    It ends when this process closes its standard input, so it cannot be left behind by a kill.
    """

    def __init__(self, store_url: str, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "partywall", "dashboard", "--child", "--no-browser"]
        self._command += ["--store", store_url, "--port", str(port)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll() if self._process else None

    def wait_ready(self, within: float = READY_WITHIN) -> bool:
        """Whether it answers; False if it ended or took too long."""
        until = time.monotonic() + within
        while time.monotonic() < until and self.ended is None:
            try:
                with urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return True
            except (URLError, OSError):
                time.sleep(0.1)
        return False


def free_port() -> int:
    """A port of the loopback that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
