"""How long we wait for a model's server, and how much we take from it."""

from typing import Annotated, TypeAlias

import msgspec

from visus.units import MIB
from visus.workers.settings import WorkerSettings

Duration: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
Size: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]


class UpstreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Deadlines in seconds and bounds in bytes, the same for every provider."""

    connect_timeout_s: Duration = 5.0
    """To open a connection, name resolution and TLS included."""
    pool_timeout_s: Duration = 10.0
    """To get a place among `max_connections`; then 503 `overloaded`."""
    first_byte_timeout_s: Duration = 120.0
    """From the request's last byte to the answer's first."""
    first_event_timeout_s: Duration = 120.0
    """From there to the first event of a stream that says something: no comment, no empty
    chunk."""
    idle_timeout_s: Duration = 60.0
    """Between two pieces of an answer."""
    total_timeout_s: Duration = 600.0
    """For one answer, first byte to last."""
    max_response_bytes: Size = 32 * MIB
    """Of one answer, streamed or not."""
    max_event_bytes: Size = MIB
    """Of one event in a stream."""
    max_connections: Size = 512
    """Open at once, to all providers together."""
    ca_file: str | None = None
    """PEM file of certificate authorities to trust instead of the system's."""


class AnswerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Answers whose form is checked here."""

    max_repairs: Annotated[int, msgspec.Meta(ge=0, le=5)] = 1
    """How many times a model is asked again whose answer has not the wanted form."""
    workers: WorkerSettings = WorkerSettings(
        memory_bytes=256 * MIB, address_space_bytes=1024 * MIB, deadline_s=5.0
    )
    """Those who check; they are started with the first answer that is to be checked."""
