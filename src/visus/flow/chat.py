"""How a question is answered. Read this first: it is the whole service."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from visus.core.events import Batch, TokensUsed
from visus.core.prompt import Prompt
from visus.core.question import Question
from visus.errors import ServiceError
from visus.flow.abilities import able
from visus.flow.estimate import Learner
from visus.flow.had_once import HadOnce
from visus.media.pipeline import MediaPipeline
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstreams
from visus.routing.deployment import Deployment
from visus.routing.dispatch import Attempt, Dispatch
from visus.routing.settings import RoutingSettings


class Answering(NamedTuple):
    """An answer under way: who gives it, and the events it is made of."""

    deployment: Deployment
    model: ModelRow
    prompt: Prompt
    """As the model got it."""
    first: Batch
    events: AsyncIterator[Batch]
    """All that follow the first."""
    learner: Learner

    def settle(self, used: TokensUsed) -> None:
        """Takes note of what the model's server counted, once."""
        self.learner.learn(self.model, self.prompt, reported=used.prompt)

    def broke_off(self, fault: ServiceError) -> None:
        """Takes note of an answer that did not come to its end."""
        self.deployment.broke_off(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatService:
    """Answers chat questions. Built once, in `server.app.build`."""

    upstreams: Upstreams
    media: MediaPipeline
    routing: RoutingSettings
    learner: Learner

    @asynccontextmanager
    async def answer(
        self, question: Question, attempts: list[Attempt]
    ) -> AsyncGenerator[Answering, None]:
        """Opens the answer to `question`; leaving ends the work upstream.

        Every request to a model's server is noted in `attempts`.

        Raises:
            ServiceError: on entering, or from the events.
        """
        route = self.upstreams.route(question)
        media = self if len(route) == 1 else HadOnce(self.media)
        async with Dispatch(
            question, route, media, settings=self.routing, attempts=attempts
        ) as found:
            yield Answering(
                found.deployment,
                found.model,
                found.prompt,
                found.first,
                found.events,
                self.learner,
            )

    def prepare(
        self, question: Question, model: ModelRow, *, upstream_id: str
    ) -> Awaitable[Prompt]:
        """The question as `model` gets it, under the name that its provider gives it."""
        question = able(question, model)
        return self.media.prepare(question, upstream_id=upstream_id, sees=model.sees)
