"""The record of a request in the log: one line, however much happened."""

from collections.abc import Sequence

from visus.routing.dispatch import Attempt
from visus.telemetry import Line


class Record(Line, omit_defaults=True):
    """What the log says of a request, or of a job; what is not known of it is left out.

    No field may hold what callers or models say: see `visus.telemetry`.
    """

    request: str
    """Its id."""
    caller: str | None
    """The id of the key."""
    method: str
    path: str
    status: int | None
    ms: float
    """How long it took."""
    job: str | None = None
    batch: str | None = None
    file: str | None = None
    model: str | None = None
    """As the caller named it."""
    body_bytes: int | None = None
    attempts: Sequence[Attempt] | None = None
    """The requests that were made to models' servers, if any could be."""
    first_word_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    code: str | None = None
    """Of its error, as of the next two."""
    param: str | None = None
    detail: str | None = None
    """Said here and nowhere else."""
