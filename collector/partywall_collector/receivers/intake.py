"""What both protocols hand a request to, whatever its signal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import Message

from partywall_collector.metrics import Counters
from partywall_collector.principals import Principal
from partywall_collector.receivers.registry_intake import RegistryIntake
from partywall_collector.receivers.room import Room


class Intake(Protocol):
    """The way of the requests of one signal. Thread-safe."""

    def admit(self, principal: Principal) -> None:
        """Raise `Refused`, before the message is read, for who may not send this signal."""
        ...

    def take(self, principal: Principal, body: bytes, *, json: bool = False) -> Message:
        """Return the answer when the request is safe; raise `Refused` when it is not taken."""
        ...


@dataclass(frozen=True, slots=True)
class Intakes:
    """The signals that a receiver takes (`traces`, `logs`), and what all receivers share."""

    by_signal: Mapping[str, Intake]
    room: Room
    counters: Counters
    registry: RegistryIntake | None = None
    """Entries for the registry, over HTTP; where logs are taken too."""
