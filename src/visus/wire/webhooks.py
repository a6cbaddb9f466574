"""The body and signature of a webhook, as the Standard Webhooks specification has them.

The events have the form of OpenAI's, so that the stock clients' `webhooks.unwrap` reads them.
They name what has ended and how; what was asked and answered is fetched by whoever may.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- how every secret begins


class Ended(msgspec.Struct, frozen=True):
    """What has ended, and how."""

    id: str
    status: str


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook."""

    id: str
    """The same at every attempt."""
    object: str = "event"
    created_at: int
    """When it ended, in seconds since 1970."""
    type: str
    """`job.completed`, `batch.failed`, …"""
    data: Ended


class WebhookObject(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a webhook. Times in seconds since 1970."""

    url: str
    status: str
    """`waiting` for the end, `pending`, `delivered` or `failed`: given up."""
    attempts: int
    last_status_code: int | None
    last_error: str | None
    """`unreachable`, `refused` (the answer was no 2xx) or `no_secret`."""
    next_attempt_at: int | None
    ended_at: int | None


class WebhookOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our own options of a batch; an unknown one is refused."""

    webhook: str | None = None
    """The URL to call at the end."""


Told = WebhookObject | UnsetType
"""The webhook of a job or a batch; left out where there is none."""
NOBODY: Final = UNSET


def event_body(event_id: str, kind: str, *, subject_id: str, at_s: int) -> bytes:
    """The body that says that something ended.

    Args:
        event_id: the same at every attempt.
        kind: like `job.completed`; its second word is the status.
        subject_id: what has ended.
        at_s: when, in seconds since 1970.
    """
    ended = Ended(subject_id, kind.rpartition(".")[2])
    event = WebhookEvent(id=event_id, created_at=at_s, type=kind, data=ended)
    return msgspec.json.encode(event)


def signed(
    event_id: str, body: bytes, secrets: Sequence[str], *, at_s: int
) -> Mapping[str, str]:
    """The headers that go with a body: a signature by each secret, of which one has to fit.

    Args:
        event_id: what a receiver tells repetitions by.
        body: as it is sent.
        secrets: `whsec_` and base64.
        at_s: when it is sent, in seconds since 1970: receivers refuse what is old.
    """
    content = f"{event_id}.{at_s}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(_signature(content, one) for one in secrets),
    }


def _signature(content: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
