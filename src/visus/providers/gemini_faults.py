"""What a refusal of the Gemini API means to a caller.

Read here, judged by `faults`: this dialect differs in where it says what. A wrong key is told
as a 400, and how long to wait stands in the body.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from visus.core.prompt import Prompt
from visus.errors import ServiceError, UpstreamAuthFailed
from visus.providers import faults
from visus.providers.gemini_shapes import ErrorBody, Status

_body: Final = msgspec.json.Decoder(ErrorBody | list[ErrorBody]).decode
_encode: Final = msgspec.json.Encoder().encode

_OUR_FAULT: Final = frozenset(
    {
        "API_KEY_INVALID",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "ACCESS_TOKEN_EXPIRED",
        "BILLING_DISABLED",
        "CONSUMER_INVALID",
        "SERVICE_DISABLED",
    }
)
"""Reasons of `ErrorInfo` that no question can do anything about."""
_PARAMS: Final[Mapping[str, str]] = {
    "generation_config.candidate_count": "n",
    "generation_config.frequency_penalty": "frequency_penalty",
    "generation_config.logprobs": "top_logprobs",
    "generation_config.max_output_tokens": "max_tokens",
    "generation_config.presence_penalty": "presence_penalty",
    "generation_config.response_json_schema": "response_format",
    "generation_config.response_logprobs": "logprobs",
    "generation_config.seed": "seed",
    "generation_config.stop_sequences": "stop",
    "generation_config.temperature": "temperature",
    "generation_config.thinking_config": "reasoning_effort",
    "generation_config.top_p": "top_p",
    "system_instruction": "messages",
    "contents": "messages",
    "tool_config": "tool_choice",
    "tools": "tools",
}
"""From the beginning of a field's name to what our callers call it."""


def refusal(
    status: int, body: bytes, headers: Mapping[str, str], prompt: Prompt
) -> ServiceError:
    """The error for an answer with `status` of 300 or more; `headers` by lower-case name."""
    error = _parsed(body)
    if error is None:
        return faults.refusal(status, body, headers, prompt)
    reasons = [detail.reason for detail in error.details or () if detail.reason]
    if not _OUR_FAULT.isdisjoint(reasons) or error.status == "FAILED_PRECONDITION":
        message = "The provider refuses to serve us; the operator has to mend that."
        detail = f"HTTP {status}: {error.status} {reasons} {error.message}"[:1000]
        return UpstreamAuthFailed(message, detail=detail)
    if (delay := _retry_delay(error)) is not None:
        headers = {**headers, "retry-after": delay}
    told = {"message": error.message, "type": error.status, "param": _param(error)}
    return faults.refusal(status, _encode({"error": told}), headers, prompt)


def told_in_answer(error_json: bytes, prompt: Prompt) -> ServiceError:
    """The error for an `error` value inside an answer that had begun with 200."""
    body = b'{"error":' + error_json + b"}"
    error = _parsed(body)
    code = (error.code if error else None) or 500
    return refusal(code if code >= 400 else 500, body, {}, prompt)  # noqa: PLR2004 -- HTTP's first error


def _parsed(body: bytes) -> Status | None:
    try:
        match _body(body):
            case ErrorBody(error=error):
                return error
            case [ErrorBody(error=error), *_]:
                return error
            case _:
                return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _retry_delay(error: Status) -> str | None:
    delays = (detail.retry_delay for detail in error.details or () if detail.retry_delay)
    return next((delay.removesuffix("s") for delay in delays), None)


def _param(error: Status) -> str | None:
    fields: Sequence[str] = [
        one.field
        for detail in error.details or ()
        for one in detail.field_violations
        if one.field
    ]
    for field in fields:
        for theirs, ours in _PARAMS.items():
            if field.startswith(theirs):
                return ours
    return None
