"""Deadlines and size limits of requests to models' servers."""

from typing import Annotated, TypeAlias

import msgspec

from visus.units import MIB
from visus.workers.settings import WorkerSettings

Duration: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
Size: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]


class UpstreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Deadlines in seconds and bounds in bytes, the same for every provider."""

    connect_timeout_s: Duration = 5.0
    """How long opening a connection may take, including name resolution and TLS."""
    pool_timeout_s: Duration = 10.0
    """How long to wait for one of `max_connections`; then 503 `overloaded`."""
    first_byte_timeout_s: Duration = 120.0
    """The longest time from the request's last byte to the answer's first."""
    first_event_timeout_s: Duration = 120.0
    """The longest time from there to the first event of a stream that has content: no comment,
    no empty chunk."""
    idle_timeout_s: Duration = 60.0
    """The longest time between two pieces of an answer."""
    total_timeout_s: Duration = 600.0
    """The longest time for one answer, from its first byte to its last."""
    max_response_bytes: Size = 32 * MIB
    """The largest size of one answer, streamed or not."""
    max_event_bytes: Size = MIB
    """The largest size of one event in a stream."""
    max_connections: Size = 512
    """The most open connections to all providers together."""
    ca_file: str | None = None
    """PEM file of certificate authorities to trust instead of the system's."""


class AnswerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Answers that Visus checks against a schema."""

    max_repairs: Annotated[int, msgspec.Meta(ge=0, le=5)] = 1
    """How often a model is asked again when its answer does not match the schema."""
    workers: WorkerSettings = WorkerSettings(
        memory_bytes=256 * MIB, address_space_bytes=1024 * MIB, deadline_s=5.0
    )
    """The processes that check; started with the first answer that has to be checked."""
