"""What an upstream's refusal means to a caller.

An upstream's own words stay in `detail`, which only our log reads: they hold host names,
organisation ids and hints of keys. The caller gets our words, our code, and the place in their
request where we can tell it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import msgspec

from visus.core.prompt import Image, Prompt
from visus.errors import (
    ContentFiltered,
    ContextLengthExceeded,
    InvalidValue,
    MediaRejected,
    ModelGone,
    RateLimited,
    RequestTooLarge,
    ServiceError,
    UnsupportedModality,
    UpstreamAuthFailed,
    UpstreamBadResponse,
    UpstreamFailed,
    UpstreamNotFound,
    UpstreamTimedOut,
)
from visus.providers import moderation
from visus.providers.openai_shapes import ErrorBody, ErrorObject, InnerError

MAX_RETRY_AFTER_S: Final = 120
"""The official SDKs do not retry at all when told to wait longer."""

LIMITS: Final = frozenset(
    f"x-ratelimit-{what}-{of}"
    for what in ("limit", "remaining", "reset")
    for of in ("requests", "tokens")
)
"""Headers in which servers of this family tell what we may still ask of them."""

_MAX_TEXT: Final = 2000
"""Characters of an upstream's message that are searched."""
_FIELD: Final = re.compile(r"^[a-z_]+(\[\d+\])?(\.[a-z_]+(\[\d+\])?)*$")
_TOO_LONG: Final = re.compile(
    r"context[_ ]length|maximum context|context window|too many tokens|longer than the max"
    r"|exceeds? .{0,40}tokens|input is too long",
    re.IGNORECASE,
)
_NO_PICTURES: Final = re.compile(
    r"(image|picture|multi-?modal|vision).{0,40}not (supported|allowed|a multi)"
    r"|not .{0,20}support.{0,30}(image|vision|multi-?modal)|is not a multimodal model",
    re.IGNORECASE,
)
_STATUS: Final = re.compile(r"[45]\d\d")
_STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "content_filter": 400,
    "invalid_request_error": 400,
    "rate_limit_exceeded": 429,
    "too_many_requests": 429,
}
"""What a code inside an answer would have been as a status."""
_FILTER_CODES: Final = frozenset({"content_filter", "ResponsibleAIPolicyViolation"})
_PICTURE: Final = re.compile(r"image|picture|base64|photo", re.IGNORECASE)


def refusal(  # noqa: PLR0911 -- a table of statuses, one arm each
    status: int, body: bytes, headers: Mapping[str, str], prompt: Prompt
) -> ServiceError:
    """The error for an answer with `status` of 300 or more; `headers` by lower-case name."""
    error = _parsed(body)
    detail = f"HTTP {status}: {error.type} {error.code} {error.message}"[:1000]
    match status:
        case 400 | 403 if _is_filtered(error):
            return _filtered(error, detail)
        case 401 | 403:
            message = "The provider refused our credentials; the operator has to mend that."
            return UpstreamAuthFailed(message, detail=detail)
        case 404 | 410:
            return _not_found(status, error, prompt, detail)
        case 408 | 504:
            return UpstreamTimedOut("The model's server did not answer in time.", detail=detail)
        case 413:
            message = "The request is larger than the model's server takes."
            return RequestTooLarge(message, detail=detail)
        case 429:
            return _rate_limited(headers, detail)
        case _ if _NO_PICTURES.search(error.message or "") and _pictures(prompt):
            message = "The model behind this id takes no pictures."
            return UnsupportedModality(message, param=_place(prompt), detail=detail)
        case 400 | 409 | 422 | 501:
            return _bad_request(error, prompt, detail)
        case 500 | 502 | 503 | 529:
            message = "The model's server failed."
            told = headers.get("retry-after")
            return UpstreamFailed(
                message, detail=detail, retry_after_s=retry_after_s(told) if told else None
            )
        case _:
            message = "The model's server failed."
            return UpstreamBadResponse(message, detail=detail)


def _not_found(status: int, error: ErrorObject, prompt: Prompt, detail: str) -> ServiceError:
    if status == HTTPStatus.NOT_FOUND and not _names_a_model(error):
        return UpstreamNotFound("The model's server failed.", detail=detail)
    message = f"The provider does not serve the model behind {prompt.upstream_id!r}."
    return ModelGone(message, param="model", detail=detail)


def _rate_limited(headers: Mapping[str, str], detail: str) -> RateLimited:
    return RateLimited(
        "The model's provider is limiting our requests.",
        detail=detail,
        retry_after_s=retry_after_s(headers.get("retry-after")),
        limits=limits(headers),
    )


def limits(headers: Mapping[str, str]) -> Mapping[str, str]:
    """A server's rate limit headers, by lower-case name."""
    return {name: value for name, value in headers.items() if name in LIMITS}


def told_in_stream(error_json: bytes, prompt: Prompt) -> ServiceError:
    """The error for an `error` value inside an answer that had begun with 200."""
    body = b'{"error":' + error_json + b"}"
    code = str(_parsed(body).code)
    status = int(code) if _STATUS.fullmatch(code) else _STATUS_OF_CODE.get(code, 500)
    return refusal(status, body, {}, prompt)


def retry_after_s(value: str | None, *, now: datetime | None = None) -> int:
    """`Retry-After` in seconds, 1 to 120; 1 where it is missing or makes no sense."""
    if value is None:
        return 1
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return 1
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (aware - (now or datetime.now(UTC))).total_seconds()
    # A comparison with a NaN is false, so that "nan" ends as 1.
    return int(min(seconds, MAX_RETRY_AFTER_S)) if seconds > 1 else 1


def _bad_request(error: ErrorObject, prompt: Prompt, detail: str) -> ServiceError:
    text = f"{error.code} {error.message}"
    if _TOO_LONG.search(text):
        message = "The request is longer than the model's context."
        return ContextLengthExceeded(message, param="messages", detail=detail)
    param = error.param if error.param and _FIELD.match(error.param) else None
    about_picture = _PICTURE.search(f"{text} {error.param}") is not None
    if about_picture and _pictures(prompt):
        message = "The model's server could not use a picture of this request."
        return MediaRejected(message, param=_place(prompt), detail=detail)
    message = "The model's server refused the request as invalid."
    return InvalidValue(message, param=param, detail=detail)


def _is_filtered(error: ErrorObject) -> bool:
    inner = error.innererror.code if error.innererror else None
    return error.code in _FILTER_CODES or inner in _FILTER_CODES


def _filtered(error: ErrorObject, detail: str) -> ServiceError:
    inner = error.innererror or InnerError()
    found = moderation.reasons(inner.content_filter_result) or moderation.reasons(
        inner.content_filter_results
    )
    message = "The provider's content filter refused the request"
    return ContentFiltered(
        f"{message}: {found}." if found else f"{message}.", param="messages", detail=detail
    )


def _parsed(body: bytes) -> ErrorObject:
    try:
        return _cut(msgspec.json.decode(body, type=ErrorBody).found())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorObject(message=body[:200].decode("utf-8", "replace"))


def _cut(error: ErrorObject) -> ErrorObject:
    """The error with its texts shortened: searching megabytes would cost too much."""
    return msgspec.structs.replace(
        error,
        message=error.message and error.message[:_MAX_TEXT],
        type=error.type and error.type[:_MAX_TEXT],
        param=error.param and error.param[:_MAX_TEXT],
        code=error.code[:_MAX_TEXT] if isinstance(error.code, str) else error.code,
    )


def _names_a_model(error: ErrorObject) -> bool:
    code = str(error.code or "").lower()
    return "model" in f"{error.message} {error.param} {code}".lower() or "deployment" in code


def _pictures(prompt: Prompt) -> list[Image]:
    return [part for turn in prompt.turns for part in turn.parts if isinstance(part, Image)]


def _place(prompt: Prompt) -> str:
    pictures = _pictures(prompt)
    return pictures[0].param if len(pictures) == 1 else "messages"
