"""A job on the wire: a request that is answered later."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from visus.wire.webhooks import NOBODY, Told

JOBS_PATH: Final = "/queue/jobs"


class JobResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the ordinary answer would have been, besides its body."""

    status_code: int
    request_id: str
    headers: Mapping[str, str]
    """`x-visus-*`: who answered, and where."""


class JobObject(msgspec.Struct, frozen=True, kw_only=True):
    """A job as clients see it. Times in seconds since 1970."""

    id: str
    object: str = "job"
    status: str
    created_at: int
    expires_at: int
    url: str
    started_at: int | None = None
    ended_at: int | None = None
    response: JobResponse | None = None
    result: Raw | None = None
    """The ordinary body, where it is no error."""
    error: Raw | None = None
    """The ordinary error object."""
    webhook: Told = NOBODY


_error: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def error_of(body: bytes) -> Raw:
    """The `error` object of an error's body."""
    return _error(body)["error"]


def prefers_async(values: list[bytes]) -> bool:
    """Whether one of these `Prefer` headers asks for an answer later."""
    wanted = b",".join(values).lower().split(b",")
    return any(one.partition(b";")[0].strip() == b"respond-async" for one in wanted)
