"""Batches on the wire: requests, lines of input files, lines of output files."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

from visus.errors import InvalidValue
from visus.wire.plain import parameters_of, whole_number
from visus.wire.upload import EXPIRY_S
from visus.wire.webhooks import NOBODY, Told, WebhookOptions

USUAL_LIMIT: Final = 20
MAX_LIMIT: Final = 100
MAX_CUSTOM_ID_CHARS: Final = 512
BATCH_ID: Final = re.compile(r"batch_[0-9a-f]{32}")
Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)]


class OutputExpiry(msgspec.Struct, frozen=True, kw_only=True):
    """How long the files of a batch are kept, each from the moment when it is written."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, msgspec.Meta(ge=EXPIRY_S.start, le=EXPIRY_S.stop - 1)]


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A file of requests that are to be answered."""

    input_file_id: str
    endpoint: Literal["/v1/chat/completions", "/v2/chat/completions"]
    completion_window: Literal["24h"]
    metadata: Annotated[dict[Name, Word], msgspec.Meta(max_length=16)] | None = None
    output_expires_after: OutputExpiry | None = None
    visus: WebhookOptions | None = None

    @property
    def webhook(self) -> str | None:
        """The webhook to call at its end."""
        return None if self.visus is None else self.visus.webhook


class RequestCounts(msgspec.Struct, frozen=True):
    """How far a batch is."""

    total: int
    completed: int
    failed: int


class BatchFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a batch, or with a line of it, of which the first is 1."""

    code: str
    message: str
    param: str | None
    line: int | None


class BatchFaults(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is wrong with a batch."""

    object: str = "list"
    data: Sequence[BatchFault]


class BatchObject(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as clients see it. Times in seconds since 1970."""

    id: str
    object: str = "batch"
    endpoint: str
    errors: BatchFaults | None
    input_file_id: str
    completion_window: str = "24h"
    status: str
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: Mapping[str, str] | None
    webhook: Told = NOBODY


class BatchList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of batches, newest first."""

    object: str = "list"
    data: Sequence[BatchObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class WantedBatches(NamedTuple):
    """Which batches to list."""

    after: str | None
    limit: int


def wanted_batches(query: bytes) -> tuple[WantedBatches, list[str]]:
    """The page that a query string asks for, and its unknown parameters.

    Raises:
        InvalidValue: a parameter may not have its value.
    """
    given = parameters_of(query)
    after, limit = given.pop("after", None), given.pop("limit", None)
    if after is not None and not BATCH_ID.fullmatch(after):
        raise InvalidValue("This is not the id of a batch.", param="after")
    allowed = range(1, MAX_LIMIT + 1)
    count = USUAL_LIMIT if limit is None else whole_number(limit, allowed, "limit")
    return WantedBatches(after, count), list(given)


# --- Lines -----------------------------------------------------------------------------------


class _Line(msgspec.Struct, frozen=True):
    custom_id: Annotated[
        str,
        # No NUL, which not every database takes.
        msgspec.Meta(min_length=1, max_length=MAX_CUSTOM_ID_CHARS, pattern=r"^[^\x00]*$"),
    ]
    method: str
    url: str
    body: Raw


class _Body(msgspec.Struct, frozen=True):
    stream: object = None


_line: Final = msgspec.json.Decoder(_Line).decode
_body: Final = msgspec.json.Decoder(_Body).decode
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_AT: Final = re.compile(r"`\$\.(\w+)`$")


class LineRefused(Exception):
    """A line that is no request."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def read_line(data: bytes, *, endpoint: str) -> tuple[str, bytes]:
    """The `custom_id` of a line, and the body of its request.

    Raises:
        LineRefused: it is none.
    """
    try:
        line = _line(data)
        body = _body(line.body)
    except msgspec.ValidationError as fault:
        raise _wrong(str(fault)) from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        message = "This line is not parseable as valid JSON."
        raise LineRefused("invalid_json_line", message) from fault
    if line.method != "POST":
        raise LineRefused("invalid_method", "The method must be 'POST'.", "method")
    if line.url != endpoint:
        message = f"The URL must be the endpoint of the batch, '{endpoint}'."
        raise LineRefused("mismatched_url", message, "url")
    if body.stream is not None and body.stream is not False:
        message = "An answer in a batch cannot be streamed."
        raise LineRefused("unsupported_parameter", message, "body.stream")
    return line.custom_id, bytes(line.body)


def _wrong(fault: str) -> LineRefused:
    if missing := _MISSING.match(fault):
        name = missing[1]
        message = f"The field '{name}' is required."
        return LineRefused("missing_required_parameter", message, name)
    at = _AT.search(fault)
    param = None if at is None else at[1]
    message = "The line must be an object of custom_id, method, url and body."
    return LineRefused("invalid_value", message, param)


# --- What comes of them ----------------------------------------------------------------------


class _Response(msgspec.Struct, frozen=True):
    status_code: int
    request_id: str | None
    body: Raw


class _LineFault(msgspec.Struct, frozen=True):
    code: str
    message: str


class _OutputLine(msgspec.Struct, frozen=True):
    id: str
    custom_id: str
    response: _Response | None
    error: _LineFault | None


def answered_line(
    line_id: str, custom_id: str, *, status: int, request_id: str | None, body: bytes
) -> bytes:
    """A line of an output file: what the request was answered."""
    response = _Response(status, request_id, Raw(body))
    return msgspec.json.encode(_OutputLine(line_id, custom_id, response, None)) + b"\n"


def unanswered_line(line_id: str, custom_id: str, *, code: str, message: str) -> bytes:
    """A line of an error file: why the request was not answered."""
    fault = _LineFault(code, message)
    return msgspec.json.encode(_OutputLine(line_id, custom_id, None, fault)) + b"\n"
