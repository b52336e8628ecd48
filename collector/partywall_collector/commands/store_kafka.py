"""`partywall store kafka`: the statements that read OTLP from a Kafka topic."""

import argparse
import json
from typing import Any

from partywall_collector.store.ddl import Cluster
from partywall_collector.store.kafka import Topic
from partywall_collector.store.store import ENVELOPE


def add_command(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand."""
    printing = commands.add_parser(
        "kafka",
        parents=[common],
        help="print the statements that read OTLP from a topic; runs none",
    )
    printing.add_argument(
        "--schema", action="store_true", help="print partywall.proto instead, for format_schemas/"
    )
    printing.add_argument(
        "--broker", action="append", default=[], metavar="HOST:PORT", help="again for more"
    )
    printing.add_argument("--topic", default="", metavar="TOPIC")
    printing.add_argument(
        "--principal", default="", metavar="ID", help="who counts as the sender of every message"
    )
    printing.add_argument(
        "--tenant",
        action="append",
        default=[],
        metavar="ID",
        help="for which tenants it may send; again for more",
    )
    printing.add_argument(
        "--group", default="partywall", metavar="NAME", help="consumer group (default: %(default)s)"
    )
    printing.add_argument(
        "--consumers", type=int, default=1, metavar="N", help="on a node (default: %(default)s)"
    )
    printing.add_argument(
        "--name", default="kafka_spans", metavar="TABLE", help="the table (default: %(default)s)"
    )
    printing.add_argument("--cluster", metavar="NAME", help="for every node of this cluster")
    printing.set_defaults(run=_print)


def _print(options: argparse.Namespace) -> int:
    if options.schema:
        print(ENVELOPE.read_text("utf-8"), end="")
        return 0
    topic = Topic(
        brokers=options.broker,
        topic=options.topic,
        principal=options.principal,
        tenants=options.tenant,
        group=options.group,
        consumers=options.consumers,
        name=options.name,
    )
    found = [*topic.statements(Cluster(options.cluster) if options.cluster else None)]
    if options.json:
        print(json.dumps({"statements": found}))
    else:
        print(";\n\n".join(found) + ";")
    return 0
