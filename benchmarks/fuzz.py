"""Fuzzed OTLP against a real collector: every answer is one of OTLP's, nothing taken is lost.

    uv run python benchmarks/fuzz.py --bodies 10000 --seed 7

A `partywall collect` process gets requests that are wrong in every layer (`fuzz_bodies.py`): bytes
of protobuf and JSON, nesting, compression, headers; over gRPC and HTTP. It must not end, must not
say that it failed, and must answer each with a status that OTLP has for it. What it acknowledged is
then sought in the tables and in quarantine, by the digest of what protobuf reads in it. The last
line is JSON; the exit code is 1 where anything was lost, doubled, answered wrongly or failed.
"""

import argparse
import hashlib
import http.client
import json
import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import grpc
from crash import EXPORT, READY, START_PATIENCE, TOKEN, Collected, register
from fuzz_bodies import Fuzzed, fuzzed
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall_collector.canonical import NotOtlp, from_json, from_protobuf
from partywall_collector.store import open_store

THREADS: Final = 8
PATIENCE: Final = 60
ANSWERS: Final = frozenset(("200", "400", "401", "403", "404", "405", "413", "415", "429", "503"))
CODES: Final = frozenset(
    code.name
    for code in (
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    )
)
"""What OTLP has for a server that is well; INTERNAL and 500 are a server's own mistakes."""

FAILED: Final = ("Traceback", "a request failed", "cannot be loaded", "next try in")
"""What the collector says where the mistake was its own, or a load failed."""


class Result:
    """What was answered, and which requests were taken: digest -> how many spans."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.strange: list[str] = []
        self.taken: dict[str, int] = {}

    def add(self, body: Fuzzed, answer: str) -> None:
        """Note an answer; of one that was taken, what must be found later."""
        with self._lock:
            self.answers[answer] += 1
            if answer not in ANSWERS | CODES:
                self.strange.append(f"{body.how}: {answer}")
        if answer in ("200", "OK") and body.path == "/v1/traces":
            try:
                read = (from_json if body.is_json else from_protobuf)(body.content)
            except NotOtlp as error:
                self.strange.append(f"{body.how}: taken, though {error}")
                return
            message = ExportTraceServiceRequest.FromString(read.body)
            spans = sum(len(s.spans) for rs in message.resource_spans for s in rs.scope_spans)
            with self._lock:
                self.taken[hashlib.sha256(read.body).hexdigest()] = spans


def over_grpc(endpoint: str) -> Callable[[Fuzzed], str]:
    """A client that says the name of the code."""
    channel = grpc.insecure_channel(endpoint, options=[("grpc.max_send_message_length", -1)])
    export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)

    def send(body: Fuzzed) -> str:
        compression = grpc.Compression.Gzip if body.squeezed else grpc.Compression.NoCompression
        metadata = (("authorization", f"Bearer {TOKEN}"),)
        try:
            export(body.sent, metadata=metadata, timeout=PATIENCE, compression=compression)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"

    return send


def over_http(endpoint: str) -> Callable[[Fuzzed], str]:
    """A client that says the status, and whether the answer can be read."""
    connection = http.client.HTTPConnection(endpoint, timeout=PATIENCE)

    def send(body: Fuzzed) -> str:
        headers = {"Authorization": f"Bearer {TOKEN}", **body.headers}
        try:
            connection.request(body.method, body.path, body.sent, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            # A body that is too large is not read to its end; its sender may not hear the answer.
            return "413" if body.too_large else f"no answer: {error!r}"
        return str(answer.status)

    return send


def send_all(collected: Collected, bodies: Iterator[Fuzzed]) -> Result:
    """Send every body once, from several threads, over the protocol that it is for."""
    result, lock = Result(), threading.Lock()

    def work() -> None:
        send = {True: over_grpc(collected.grpc), False: over_http(collected.http)}
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                return
            result.add(body, send[body.over_grpc](body))

    with ThreadPoolExecutor(THREADS) as threads:
        for done in [threads.submit(work) for _ in range(THREADS)]:
            done.result()
    return result


def compared(url: str, taken: dict[str, int]) -> dict[str, int]:
    """How many spans of what was taken are not there, or there more than once."""
    sql = """
        SELECT lower(hex(request_sha256)) AS sha256, count() AS spans, 0 AS refused
        FROM spans GROUP BY 1
        UNION ALL
        SELECT lower(hex(request_sha256)), countIf(reason NOT IN ('poison', 'too large')),
            countIf(reason IN ('poison', 'too large'))
        FROM quarantine GROUP BY 1
    """
    found: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    with open_store(url, role="owner") as store:
        for row in store.rows(sql):
            found[row["sha256"]] += row["spans"]
            whole[row["sha256"]] += row["refused"]
    missing = {key: spans - found[key] for key, spans in taken.items() if not whole[key]}
    return {
        "acknowledged": sum(taken.values()),
        "lost": sum(max(0, count) for count in missing.values()),
        "doubled": sum(max(0, -count) for count in missing.values())
        + sum(max(0, count - 1) for count in whole.values()),
        "poison": sum(whole.values()),
        "strangers": len(found.keys() - taken.keys()),
    }


def run(count: int, seed: int, folder: Path) -> dict[str, object]:
    """Start a collector, send, stop it, and compare."""
    collected = Collected(folder)
    register(collected.url)
    process = collected.start()
    try:
        collected.wait_ready(process, 1)
        result = send_all(collected, fuzzed(random.Random(seed), count))
        ended = process.poll()
        collected.wait_loaded()
        process.send_signal(signal.SIGTERM)
        stopped = process.wait(START_PATIENCE)
    finally:
        process.kill()
        process.wait()
    log = collected.log().partition(READY)[2]
    failures = [line for line in log.splitlines() if any(word in line for word in FAILED)]
    for line in (*result.strange, *failures)[:20]:
        print(line, file=sys.stderr)
    return {
        "bodies": count,
        "crashed": int(ended is not None or stopped != 0),
        "strange_answers": len(result.strange),
        "failures": len(failures),
        **compared(collected.url, result.taken),
        "answers": dict(sorted(result.answers.items())),
    }


def main() -> int:
    """Send, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="partywall-fuzz-") as folder:
        result = run(options.bodies, options.seed, Path(folder))
    print(json.dumps(result))
    bad = ("crashed", "strange_answers", "failures", "lost", "doubled", "poison", "strangers")
    return 1 if any(result[name] for name in bad) else 0


if __name__ == "__main__":
    raise SystemExit(main())
