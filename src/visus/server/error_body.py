"""The JSON body of every error."""

import msgspec

from visus.errors import ServiceError


def error_body(error: ServiceError) -> bytes:
    """The JSON of an error: OpenAI's object, and the message again as `detail`."""
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
