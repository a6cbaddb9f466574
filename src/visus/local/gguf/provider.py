"""The provider of models in GGUF files.

This runs in the main process, which never loads the library.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from visus.core.events import Answer, Batch
from visus.core.prompt import Prompt
from visus.core.question import Options
from visus.errors import UnsupportedParameter
from visus.local.gguf.loaded_models import LoadedModels, State
from visus.local.gguf.model import LocalModel
from visus.models.catalogue import ModelRow


class Dialect(Protocol):
    """Asks one model: the OpenAI dialect over a `Carrier`."""

    def open(self, prompt: Prompt) -> Answer:
        """Asks the prompt."""
        ...


@dataclass(slots=True, kw_only=True)
class GgufProvider:
    """Answers from models on this machine."""

    loaded_models: LoadedModels
    spoken: Callable[[LocalModel], Dialect]
    """Who speaks with a model."""
    context_tokens: int
    """What a model has in view whose row does not say."""
    _models: Mapping[str, tuple[LocalModel, Dialect]] = field(
        default_factory=dict[str, tuple[LocalModel, Dialect]]
    )
    """By the name that a prompt has as `upstream_id`."""

    def know(self, models: Sequence[tuple[str, ModelRow]]) -> None:
        """Runs these from now on; see `visus.providers.base.LoadsModels`."""
        rows = [LocalModel.of(name, row, self.context_tokens) for name, row in models]
        for gone in {model for model, _ in self._models.values()}.difference(rows):
            self.loaded_models.unload_when_unused(gone)
        # Questions that are on their way may still be to one that is gone.
        self._models = {
            **self._models,
            **{model.name: (model, self.spoken(model)) for model in rows},
        }

    def state(self, upstream_id: str) -> State:
        """Whether the model is in memory; see `visus.providers.base.LoadsModels`."""
        model, _ = self._models[upstream_id]
        return self.loaded_models.state(model)

    def open(self, prompt: Prompt) -> Answer:
        """Asks the prompt; the first event is there when the answer is entered."""
        return self._answer(prompt)

    @asynccontextmanager
    async def _answer(self, prompt: Prompt) -> AsyncGenerator[AsyncIterator[Batch], None]:
        _refuse_what_cannot_be_honoured(prompt.options)
        model, dialect = self._models[prompt.upstream_id]
        lease = await self.loaded_models.acquire(model)
        try:
            if prompt.options.tools and not lease.measured.has_tools:
                message = "This model's template of a conversation has no place for tools."
                raise UnsupportedParameter(message, param="tools")
            async with dialect.open(_as_asked(prompt)) as events:
                yield events
        finally:
            lease.release()


def _as_asked(prompt: Prompt) -> Prompt:
    """As a stream, since an answer that comes in one piece cannot be stopped."""
    options = replace(prompt.options, user=None, n=None)  # llama.cpp has no use for either
    return replace(prompt, streamed=True, options=options)


def _refuse_what_cannot_be_honoured(options: Options) -> None:
    if options.n is not None and options.n > 1:
        raise UnsupportedParameter("This model gives one answer: n may only be 1.", param="n")
    if options.reasoning_effort is not None:
        message = "How long this model thinks cannot be chosen."
        raise UnsupportedParameter(message, param="reasoning_effort")
    if options.tools and options.logprobs:
        message = "This model gives no log probabilities beside tools."
        raise UnsupportedParameter(message, param="logprobs")
