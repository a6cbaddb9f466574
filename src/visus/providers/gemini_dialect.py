"""The Gemini API, as AI Studio and Vertex AI speak it: `generateContent` and its stream."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from typing_extensions import override

from visus.core.events import Answer, Batch
from visus.core.prompt import Prompt
from visus.errors import FileTooLarge, ServiceError
from visus.providers import gemini_answer, gemini_faults
from visus.providers.answers import check_status, events_of
from visus.providers.gemini_files import FilesOptions, GeminiFiles, Loan, too_large
from visus.providers.gemini_options import Thinking
from visus.providers.gemini_request import Spelling, request_body
from visus.providers.splicing import new_mark
from visus.providers.transport import Endpoint, Reply, Transport

FOREIGN_SIGNATURE: Final = "skip_thought_signature_validator"
"""What Google documents for calls that no model of theirs made."""


class GeminiOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[providers.options]` of the dialect `gemini`."""

    thinking: Thinking = Thinking()
    """What `reasoning_effort` means to its models."""
    api_key_file: str | None = None
    """A file that holds the key, or an access token, and is read again when it changes; for a
    row without `api_key_env`."""
    max_inline_bytes: Annotated[int, msgspec.Meta(gt=0)] = 20_000_000
    """The largest size of all media in a request together, as base64."""
    max_file_bytes: Annotated[int, msgspec.Meta(gt=0)] | None = None
    """The largest file; 7,000,000 on Vertex AI. A larger one is refused."""
    files: FilesOptions = FilesOptions()
    """Uploads of media that are too large for a request."""
    wants_signatures: bool = False
    """Whether its models refuse tool calls without a signature (Gemini 3): calls that another
    model made then get a placeholder signature."""

    @property
    def spelling(self) -> Spelling:
        """How its models are spoken to."""
        foreign = FOREIGN_SIGNATURE if self.wants_signatures else None
        return Spelling(thinking=self.thinking, foreign_signature=foreign)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiProvider:
    """One house that speaks the Gemini API."""

    whole: Callable[[str], Endpoint]
    """Where a model is asked for one body; quick, since it is asked each time."""
    streamed: Callable[[str], Endpoint]
    """The same for a stream."""
    options: GeminiOptions
    spelling: Spelling
    files: GeminiFiles | None
    """None where there is no Files API."""
    max_event_bytes: int
    transport: Transport
    mark: str = field(default_factory=new_mark)

    def open(self, prompt: Prompt) -> Answer:
        """Asks `prompt`; see `visus.providers.base.Provider`."""
        return _Opened(self, prompt)

    async def lend(self, prompt: Prompt) -> Loan | None:
        """What has to be uploaded for the rest to fit into the request; mostly nothing.

        Raises:
            FileTooLarge: it fits in neither way.
            ServiceError: see `GeminiFiles.lend`.
        """
        large = too_large(
            prompt,
            max_inline_bytes=self.options.max_inline_bytes,
            max_file_bytes=self.options.max_file_bytes,
        )
        if not large:
            return None
        if self.files is None:
            message = "This file is too large for a request to this model's server."
            raise FileTooLarge(message, param=large[0].param)
        return await self.files.lend(large, prompt)


class _Opened(AbstractAsyncContextManager[AsyncIterator[Batch]]):
    """An answer that is asked for on entering and ended on leaving."""

    __slots__ = ("_loan", "_prompt", "_provider", "_reply")

    def __init__(self, provider: GeminiProvider, prompt: Prompt) -> None:
        self._provider = provider
        self._prompt = prompt
        self._reply: Reply | None = None
        self._loan: Loan | None = None

    @override
    async def __aenter__(self) -> AsyncIterator[Batch]:
        self._loan = await self._provider.lend(self._prompt)
        try:
            return await self._asked({} if self._loan is None else self._loan.uris)
        except BaseException:
            self._give_back()
            raise

    @override
    async def __aexit__(self, *_: object) -> None:
        if self._reply is not None:
            self._reply.close()
        self._give_back()

    def _give_back(self) -> None:
        if self._loan is not None:
            self._loan.give_back()

    async def _asked(self, uris: Mapping[str, str]) -> AsyncIterator[Batch]:
        provider, prompt = self._provider, self._prompt
        body = request_body(prompt, provider.mark, provider.spelling, uris)
        endpoint_of = provider.streamed if prompt.streamed else provider.whole
        endpoint = endpoint_of(prompt.upstream_id)
        reply = await provider.transport.send(endpoint, body, prompt.within)
        await check_status(reply, lambda said: self._refusal(reply, said))
        self._reply = reply
        return events_of(
            reply,
            prompt,
            whole=gemini_answer.whole,
            translator=gemini_answer.Translator,
            max_event_bytes=provider.max_event_bytes,
        )

    def _refusal(self, reply: Reply, said: bytes) -> ServiceError:
        refusal = gemini_faults.refusal(reply.status, said, reply.headers, self._prompt)
        if self._loan is None:
            return refusal
        return self._loan.distrust(refusal, reply.status)
