"""The way that one would write by hand, for `benchmarks/ingest.py`: protobuf, lists, `insert`.

In good faith, and with the promises of the collector as far as a few hundred lines go: each request
is appended to a file and synced before it is acknowledged; each span's tenant is checked against
its sender and the registry, twice named and malformed ones are refused; content is left out by the
same list of names; the rows are those that the collector stores, all facts of calls with them. They
go in by column through the stock client, in batches as large as our segments.

It promises less: refused spans are counted, not kept in quarantine; an export that is repeated is
stored twice, and so may be what was being inserted at a crash; a batch waits until it is full,
however long; tool rules and session grants are not read; OTLP is read over gRPC alone, as it came,
without limits on what is in it.
"""

import hashlib
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from by_hand_rows import CALLS, SPANS, Rows
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from partywall import fingerprint_keys
from partywall_collector.receivers.otlp_grpc import SERVICES, THREADS


class ByHand:
    """Takes requests, and inserts their rows once a batch is full; `log` is a new file's name."""

    def __init__(
        self,
        client: Any,
        placements: Mapping[str, str],
        batch: int,
        keys: fingerprint_keys.Keys,
        log: Path,
    ) -> None:
        self._client = client
        self._batch = batch
        self._rows = Rows(placements, frozenset(placements), keys)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._spans: list[tuple[Any, ...]] = []
        self._calls: list[tuple[Any, ...]] = []
        handler: grpc.RpcMethodHandler[bytes, bytes]
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        options = [("grpc.max_receive_message_length", 64 << 20)]
        self._server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
        service = grpc.method_handlers_generic_handler(SERVICES["traces"], {"Export": handler})
        self._server.add_generic_rpc_handlers((service,))
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Insert the rest."""
        self._server.stop(5).wait()
        self._insert()
        os.close(self._log)

    def _export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        request = ExportTraceServiceRequest.FromString(body)
        spans, calls = self._rows.of(request, hashlib.sha256(body).digest())
        with self._lock:
            os.writev(self._log, [len(body).to_bytes(8, "little"), body])
            os.fdatasync(self._log)
            self._spans += spans
            self._calls += calls
            if len(self._spans) >= self._batch:
                self._insert()
        return b""

    def _insert(self) -> None:
        for table, names, rows in (("spans", SPANS, self._spans), ("calls", CALLS, self._calls)):
            if rows:
                columns = list(zip(*rows, strict=True))
                self._client.insert(
                    table,
                    columns,
                    column_names=names.split(),
                    column_oriented=True,
                    settings={"max_partitions_per_insert_block": 0, "async_insert": 0},
                )
        self._spans, self._calls = [], []
        os.ftruncate(self._log, 0)
