"""How a question is answered. Read this first: it is the whole service."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from visus.core.events import Batch, TokensUsed
from visus.core.prompt import Prompt
from visus.core.question import Question
from visus.flow.abilities import able
from visus.flow.estimate import Learner
from visus.media.pipeline import MediaPipeline
from visus.models.catalogue import ModelRow, ProviderRow
from visus.routing.choose import Upstreams


class Answering(NamedTuple):
    """An answer under way: who gives it, and the events it is made of."""

    provider: ProviderRow
    model: ModelRow
    prompt: Prompt
    """As the model got it."""
    events: AsyncIterator[Batch]
    learner: Learner

    def settle(self, used: TokensUsed) -> None:
        """Takes note of what the model's server counted, once."""
        self.learner.learn(self.model, self.prompt, reported=used.prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatService:
    """Answers chat questions. Built once, in `server.app.build`."""

    upstreams: Upstreams
    media: MediaPipeline
    learner: Learner

    @asynccontextmanager
    async def answer(self, question: Question) -> AsyncGenerator[Answering, None]:
        """Opens the answer to `question`; leaving ends the work upstream.

        Raises:
            ServiceError: on entering, or from the events.
        """
        upstream, provider = self.upstreams.choose(question.model, question.within)
        question = able(question, upstream.model)
        prompt = await self.media.prepare(
            question, upstream_id=upstream.upstream_id, sees=upstream.model.sees
        )
        async with provider.open(prompt) as events:
            yield Answering(upstream.row, upstream.model, prompt, events, self.learner)
