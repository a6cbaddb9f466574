"""The one module that makes error bodies."""

import msgspec

from visus.errors import ServiceError


def error_body(error: ServiceError) -> bytes:
    """The JSON of an error: OpenAI's object, and the message once more as `detail`."""
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": error.type,
                "param": error.param,
                "code": error.code,
            },
            "detail": error.message,
        }
    )
