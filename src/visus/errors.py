"""All errors that callers may see, as one tree.

Each error is born where the failure is understood and carries three facts: `message`, which the
caller may read; `param`, where in their request it is (`messages[0].content[1].image_url.url`);
and `detail`, which only our own log may read. Status, type and code belong to the class, and so
does the advice to try again. How an error becomes a body is `server.respond`'s business.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

Again: TypeAlias = Literal["nowhere", "elsewhere", "here"]
"""Whether a question that failed like this before the first event may be retried: nowhere, at
another deployment only, or after a wait at the same one too."""


class ServiceError(Exception):
    """Any failure that a caller may be told of."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = "internal_error"
    should_retry: ClassVar[bool | None] = None
    """What `x-should-retry` says; None leaves the client to its own rules."""
    again: ClassVar[Again] = "nowhere"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        detail: str | None = None,
        retry_after_s: int | None = None,
        limits: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.limits = limits or {}
        """The provider's rate limit headers, by its own names."""

    def at(self, param: str) -> "ServiceError":
        """The same error, pointing at `param`."""
        return type(self)(
            self.message,
            param=param,
            detail=self.detail,
            retry_after_s=self.retry_after_s,
            limits=self.limits,
        )


# --- The caller's request cannot be served as it stands --------------------------------------


class CallerError(ServiceError):
    """The request is at fault; sending it again unchanged will not help."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class InvalidJson(CallerError):
    """The body is not JSON."""

    code = "invalid_json"


class InvalidValue(CallerError):
    """A field has a value, a type or a range that it may not have."""

    code = "invalid_value"


class MissingParameter(CallerError):
    """A required field is not there."""

    code = "missing_required_parameter"


class UnsupportedParameter(CallerError):
    """A known field, or a value of it, that the chosen model cannot honour."""

    code = "unsupported_parameter"


class UnsupportedModality(CallerError):
    """The chosen model cannot take this kind of part."""

    code = "unsupported_modality"


class ResidencyUnavailable(CallerError):
    """No deployment that could answer runs where the caller's data must stay."""

    code = "residency_unavailable"
    again: ClassVar[Again] = "elsewhere"


class ContentFiltered(CallerError):
    """The provider's content filter refused the request."""

    code = "content_filter"


class ContextLengthExceeded(CallerError):
    """More tokens than the model's context holds."""

    code = "context_length_exceeded"


class MediaRejected(CallerError):
    """A picture that cannot be used: too large, broken, or undecodable."""

    code = "invalid_image"


class MediaTooLarge(MediaRejected):
    """A picture's file that has more bytes than the limit."""


class ImageFormatRejected(MediaRejected):
    """Bytes of a type that is not accepted as a picture."""

    code = "invalid_image_format"


class ImageUrlRejected(MediaRejected):
    """A picture's URL that we will not, or could not, fetch."""

    code = "invalid_image_url"


class Base64Rejected(MediaRejected):
    """A data URL whose payload is not base64."""

    code = "invalid_base64"


class TooManyImages(MediaRejected):
    """More pictures in one request than the limit."""

    code = "too_many_images"


class InvalidFile(CallerError):
    """A file that cannot be used: empty, broken, or not what it should be."""

    code = "invalid_file"


class UnsupportedFileType(InvalidFile):
    """A file of a type that is not accepted as a document."""

    code = "unsupported_file_type"


class FileUrlRejected(InvalidFile):
    """A document's URL that we will not, or could not, fetch."""

    code = "invalid_file_url"


class EncryptedFile(InvalidFile):
    """A document that is protected with a password."""

    code = "encrypted_file"


class InvalidVideo(CallerError):
    """A video that cannot be used: broken, undecodable, or not a video at all."""

    code = "invalid_video"


class VideoUrlRejected(InvalidVideo):
    """A video's URL that we will not, or could not, fetch."""

    code = "invalid_video_url"


class VideoTooLong(InvalidVideo):
    """A video that runs longer than the limit, or has more frames."""

    code = "video_too_long"


class FileTooLarge(CallerError):
    """A file over the limit, or one that its owner's quota has no room for."""

    code = "file_too_large"


class InvalidApiKey(CallerError):
    """No key, or one that we do not know; the two look alike but for the message."""

    status = 401
    code = "invalid_api_key"


class ModelNotAllowed(CallerError):
    """A model that the caller's key, or its project, may not ask."""

    status = 403
    code = "model_not_allowed"


class AdminOnly(CallerError):
    """Only the key of an administrator may do this."""

    status = 403
    code = "admin_only"


class NotFound(CallerError):
    """No such thing here."""

    status = 404
    code = "not_found"


class Conflict(CallerError):
    """The request conflicts with the current state."""

    status = 409
    code = "conflict"


class ModelNotFound(CallerError):
    """No such model here."""

    status = 404
    code = "model_not_found"


class ModelGone(ModelNotFound):
    """The model's provider does not run it, or no longer."""

    again: ClassVar[Again] = "elsewhere"


class FileNotFound(CallerError):
    """No such file here: unknown, expired, deleted, or somebody else's."""

    status = 404
    code = "file_not_found"


class JobNotFound(CallerError):
    """No such job here: unknown, deleted after its time, or somebody else's."""

    status = 404
    code = "job_not_found"


class BatchNotFound(CallerError):
    """No such batch here: unknown, deleted after its time, or somebody else's."""

    status = 404
    code = "batch_not_found"


class UnknownUrl(CallerError):
    """No such route."""

    status = 404
    code = "unknown_url"


class MethodNotAllowed(CallerError):
    """The route exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    others: Sequence[str] = ()
    """The methods that it has."""


class RequestTimedOut(CallerError):
    """The request did not arrive in time."""

    status = 408
    code = "request_timeout"


class RequestTooLarge(CallerError):
    """The body is over the limit."""

    status = 413
    code = "request_too_large"


class UnsupportedMediaType(CallerError):
    """The body is not declared as plain JSON."""

    status = 415
    code = "unsupported_media_type"


class HeadersTooLarge(CallerError):
    """More header bytes or fields than the limit."""

    status = 431
    code = "headers_too_large"


class RateLimited(ServiceError):
    """Too many requests; `retry_after_s` says when to come back, 1 to 120."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    again: ClassVar[Again] = "here"


class ConcurrencyExceeded(RateLimited):
    """Too many requests of this caller at the same time."""

    code = "concurrency_exceeded"


class TooManyJobs(RateLimited):
    """Too many jobs of this project are waiting."""

    code = "too_many_jobs"


class TooLargeForLimit(RateLimited):
    """One request that needs more tokens than a whole minute allows: waiting does not help."""

    should_retry = False
    again: ClassVar[Again] = "nowhere"


class QuotaExhausted(ServiceError):
    """The project has spent its budget for this month."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"
    should_retry = False


# --- We cannot serve now ---------------------------------------------------------------------


class Internal(ServiceError):
    """A fault in Visus. The message never contains a library's text."""


class Unavailable(ServiceError):
    """We cannot serve this now."""

    status = 503
    code = "overloaded"


class Overloaded(Unavailable):
    """Too many requests are under way or waiting."""


class UpstreamResting(Overloaded):
    """The model's server failed too often and is left alone for a moment."""

    again: ClassVar[Again] = "elsewhere"


class ShuttingDown(Unavailable):
    """The server is stopping and takes nothing new."""

    code = "shutting_down"


class StorageUnavailable(Unavailable):
    """The database, or the store of files, does not answer or is full."""

    code = "storage_unavailable"


class IdentityUnavailable(Unavailable):
    """The issuer of the caller's token does not answer with its signing keys."""

    code = "identity_unavailable"


class WorkerUnavailable(Unavailable):
    """A process that the request needs does not start on this server."""

    code = "worker_unavailable"
    should_retry = False
    again: ClassVar[Again] = "elsewhere"


class ModelTooLarge(Unavailable):
    """The model needs more memory than models may have on this server."""

    code = "model_too_large"
    should_retry = False


class ProviderNotConfigured(Unavailable):
    """The model's provider lacks a setting, which the message names."""

    code = "provider_not_configured"
    should_retry = False
    again: ClassVar[Again] = "elsewhere"


# --- The model behind us failed --------------------------------------------------------------


class UpstreamFault(ServiceError):
    """The model's server failed. Its own text never reaches a caller by itself."""

    status = 502
    type = "upstream_error"
    code = "upstream_bad_response"


class UpstreamBadResponse(UpstreamFault):
    """The model's server sent an unusable answer: malformed, cut short, or too large."""


class UpstreamNotFound(UpstreamBadResponse):
    """A 404 that names no model: the server has no such path, so its base URL is wrong."""


class UpstreamFailed(UpstreamFault):
    """The model's server reports that it failed, or is overloaded."""

    again: ClassVar[Again] = "here"


class UpstreamUnreachable(UpstreamFault):
    """No connection: nothing was sent."""

    code = "upstream_unreachable"
    again: ClassVar[Again] = "here"


class UpstreamBroke(UpstreamUnreachable):
    """The connection broke after the question, or a part of it, had been sent."""

    again: ClassVar[Again] = "nowhere"


class UpstreamAuthFailed(UpstreamFault):
    """Our own key was refused upstream: our fault, not the caller's."""

    code = "upstream_auth_failed"
    again: ClassVar[Again] = "elsewhere"


class UpstreamInvalidOutput(UpstreamFault):
    """The model's output does not have the form that was asked for."""

    code = "upstream_invalid_output"


class UpstreamTimedOut(UpstreamFault):
    """The model's server reports a timeout."""

    status = 504
    code = "upstream_timeout"
    again: ClassVar[Again] = "here"


class UpstreamSilent(UpstreamTimedOut):
    """The model's server sent nothing within our own deadline."""

    again: ClassVar[Again] = "elsewhere"
