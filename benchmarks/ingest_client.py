"""A process that sends OTLP over gRPC for `benchmarks/ingest.py`: its CPU is not the server's.

It makes the requests, says `ready`, and sends them once a line arrives; then it prints one line of
JSON with the requests that it offered and the SHA-256 of those that were acknowledged.
"""

import argparse
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import grpc
from agent_spans import Load

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PAUSE = 0.2
RETRYABLE = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)


class Sender:
    """Threads that share one channel and one supply of requests."""

    def __init__(self, endpoint: str, token: str, *, patient: bool) -> None:
        self._metadata = (("authorization", f"Bearer {token}"),)
        channel = grpc.insecure_channel(endpoint)
        self._export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        self._patient = patient
        self._lock = threading.Lock()
        self.offered = 0
        self.acknowledged: list[str] = []

    def run(self, bodies: Iterable[bytes], threads: int) -> None:
        """Send all bodies; returns when each was acknowledged or, without patience, refused."""
        supply = iter(bodies)
        workers = [threading.Thread(target=self._work, args=(supply,)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _work(self, supply: Iterator[bytes]) -> None:
        while True:
            with self._lock:
                body = next(supply, None)
            if body is None:
                return
            while not self._send(body) and self._patient:
                time.sleep(PAUSE)

    def _send(self, body: bytes) -> bool:
        try:
            self._export(body, metadata=self._metadata, timeout=60)
        except grpc.RpcError as error:
            if error.code() not in RETRYABLE:
                raise
            taken = False
        else:
            taken = True
        with self._lock:
            self.offered += 1
            if taken:
                self.acknowledged.append(hashlib.sha256(body).hexdigest())
        return taken


def read(path: Path) -> list[bytes]:
    """The requests that another client made: to make them takes longer than to send them."""
    data, bodies, at = path.read_bytes(), list[bytes](), 0
    while at < len(data):
        begin = at + 8
        at = begin + int.from_bytes(data[at:begin], "little")
        bodies.append(data[begin:at])
    return bodies


def for_ever(bodies: list[bytes], seconds: float) -> Iterator[bytes]:
    """The same requests again and again, each with another instance id, until time is up."""
    ends = time.monotonic() + seconds
    key = b"service.instance.id"
    for number in count():
        body = bodies[number % len(bodies)]
        if time.monotonic() > ends:
            return
        at = body.index(key) + len(key) + 4  # behind the tags and lengths of the value
        fresh = f"{os.getpid():016x}{number:016x}".encode()
        yield body[:at] + fresh + body[at + 32 :]


def main() -> int:
    """Make, wait, send, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("--token", required=True)
    parser.add_argument("--kind", choices=("raw", "taken"), required=True)
    parser.add_argument("--tenants", type=int, required=True)
    parser.add_argument("--spans", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seconds", type=float, help="send for so long and take refusals")
    parser.add_argument(
        "--bodies", type=Path, help="a file that keeps the requests for the next client"
    )
    options = parser.parse_args()
    if options.bodies and options.bodies.exists():
        bodies = read(options.bodies)
    else:
        names = [f"tenant-{number:04d}" for number in range(options.tenants)]
        bodies = list(Load(names, options.seed).requests(options.spans, options.kind))
        if options.bodies:
            options.bodies.write_bytes(
                b"".join(len(body).to_bytes(8, "little") + body for body in bodies)
            )
    sender = Sender(options.endpoint, options.token, patient=not options.seconds)
    print("ready", flush=True)
    input()
    supply = for_ever(bodies, options.seconds) if options.seconds else bodies
    sender.run(supply, options.threads)
    print(json.dumps({"offered": sender.offered, "acknowledged": sender.acknowledged}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
