"""What a row can say of a server that speaks the OpenAI dialect: `[providers.options]`."""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import quote, urlencode

import msgspec

MaxTokensField: TypeAlias = Literal["max_tokens", "max_completion_tokens"]
MODEL: Final = "{model}"
_PATH: Final = re.compile(r"/[!-~]*")


class OpenAIOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where such a server differs from OpenAI's own."""

    path: str = "/chat/completions"
    """The path of chat completions after `base_url`. `{model}` stands for the upstream id, as
    in Azure's `/openai/deployments/{model}/chat/completions`."""
    query: dict[str, str] = {}
    """The query string: `{ api-version = "2024-10-21" }`."""
    max_tokens_field: MaxTokensField | None = None
    """The field in which the server expects the limit on answer tokens, whichever of the two a
    caller sends; unset: the caller's."""
    media_uuid: bool = False
    """Gives each picture and video a `uuid` made of its bytes and its owner, so that vLLM finds
    again what it made of them. To servers that do not know the field it is an unknown one."""
    trusts_mm_kwargs: bool = False
    """Whether it is a vLLM that runs with `--trust-request-mm-kwargs`: the `fps` of a video is
    then told in `media_io_kwargs` and `mm_processor_kwargs`, which every other server refuses
    or ignores. Else all wishes stand beside the URL."""

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path) or "?" in self.path:
            raise ValueError("path begins with a slash, and holds neither spaces nor a query")

    def route(self, upstream_id: str) -> str:
        """Path and query for a model."""
        path = self.path.replace(MODEL, quote(upstream_id, safe=""))
        return path + _query(self.query)


def _query(fields: Mapping[str, str]) -> str:
    return f"?{urlencode(fields)}" if fields else ""
