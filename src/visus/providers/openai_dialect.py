"""The OpenAI dialect: vLLM, llama.cpp, Azure's v1 form, and every other compatible server."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace
from typing_extensions import override

from visus.core.events import Answer, Batch
from visus.core.places import Demand
from visus.core.prompt import Prompt
from visus.providers import faults, openai_answer
from visus.providers.answers import Answered, check_status, events_of
from visus.providers.media_names import media_names
from visus.providers.openai_options import MaxTokensField
from visus.providers.openai_request import request_body
from visus.providers.splicing import new_mark
from visus.providers.transport import Body, Endpoint


class Carrier(Protocol):
    """Sends requests: `transport.Transport`, or the connection to a worker process."""

    async def send(
        self, endpoint: Endpoint, body: Body, within: Sequence[Demand], /
    ) -> Answered:
        """Sends `body` and waits for the head of the answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIProvider:
    """One OpenAI-compatible server."""

    endpoint_of: Callable[[str], Endpoint]
    """Its chat completions route for a model, with the key where it asks for one; quick, since
    it is asked each time."""
    max_event_bytes: int
    transport: Carrier
    max_tokens_field: MaxTokensField | None = None
    """See `openai_options`, as for the next two."""
    media_uuid: bool = False
    trusts_mm_kwargs: bool = False
    mark: str = field(default_factory=new_mark)
    """Stands for each picture until the JSON around them is written."""

    def open(self, prompt: Prompt) -> Answer:
        """Asks `prompt`; see `visus.providers.base.Provider`."""
        return _Opened(self, prompt)


class _Opened(AbstractAsyncContextManager[AsyncIterator[Batch]]):
    """An answer that is asked for on entering and ended on leaving."""

    __slots__ = ("_prompt", "_provider", "_reply")

    def __init__(self, provider: OpenAIProvider, prompt: Prompt) -> None:
        self._provider = provider
        self._prompt = prompt
        self._reply: Answered | None = None

    @override
    async def __aenter__(self) -> AsyncIterator[Batch]:
        provider, prompt = self._provider, self._prompt
        if provider.max_tokens_field is not None:
            options = replace(prompt.options, max_tokens_field=provider.max_tokens_field)
            prompt = replace(prompt, options=options)
        names = await media_names(prompt) if provider.media_uuid else ()
        body = request_body(
            prompt, provider.mark, names=names, by_kwargs=provider.trusts_mm_kwargs
        )
        endpoint = provider.endpoint_of(prompt.upstream_id)
        reply = await provider.transport.send(endpoint, body, prompt.within)
        await check_status(
            reply, lambda said: faults.refusal(reply.status, said, reply.headers, prompt)
        )
        self._reply = reply
        return events_of(
            reply,
            prompt,
            whole=openai_answer.whole,
            translator=openai_answer.Translator,
            max_event_bytes=provider.max_event_bytes,
        )

    @override
    async def __aexit__(self, *_: object) -> None:
        if self._reply is not None:
            self._reply.close()
