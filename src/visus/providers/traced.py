"""A provider whose answers are recorded in the trace of their question."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from typing_extensions import override

from visus.core.events import Answer, Batch
from visus.core.prompt import Prompt
from visus.core.trace import TRACE, Call, Trace
from visus.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Traced:
    """Stands around everything else, where traces are configured."""

    inner: Provider
    model: str
    """By its own id."""
    provider: str
    """The provider's `name`."""

    def open(self, prompt: Prompt) -> Answer:
        """See `Provider`. Where the question is not traced, the inner answer itself."""
        trace = TRACE.get()
        return self.inner.open(prompt) if trace is None else _Opened(self, trace, prompt)


class _Opened(AbstractAsyncContextManager[AsyncIterator[Batch]]):
    """An answer under the eyes of a trace."""

    __slots__ = ("_answer", "_call", "_prompt", "_trace", "_traced")

    def __init__(self, traced: Traced, trace: Trace, prompt: Prompt) -> None:
        self._traced = traced
        self._trace = trace
        self._prompt = prompt
        self._answer: Answer
        self._call: Call

    @override
    async def __aenter__(self) -> AsyncIterator[Batch]:
        traced, prompt = self._traced, self._prompt
        self._call = call = self._trace.call(
            model=traced.model, provider=traced.provider, upstream_id=prompt.upstream_id
        )
        self._answer = traced.inner.open(prompt)
        try:
            return _Watched(await self._answer.__aenter__(), call)
        except BaseException as fault:
            call.failed(fault)
            call.ended()
            raise

    @override
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if fault is not None:
            self._call.failed(fault)
        self._call.ended()
        await self._answer.__aexit__(kind, fault, traceback)


class _Watched:
    """The batches as they come."""

    __slots__ = ("_batches", "_call")

    def __init__(self, batches: AsyncIterator[Batch], call: Call) -> None:
        self._batches = batches
        self._call = call

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        try:
            batch = await anext(self._batches)
        except StopAsyncIteration:
            raise
        except BaseException as fault:
            self._call.failed(fault)
            raise
        self._call.note(batch)
        return batch
