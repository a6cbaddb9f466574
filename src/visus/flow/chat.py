"""How a question is answered. Read this first: it is the whole service."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Self

from typing_extensions import override

from visus.core.events import TokensUsed
from visus.core.prompt import Prompt
from visus.core.question import Question
from visus.errors import ServiceError
from visus.flow.abilities import able
from visus.flow.blind import Easing
from visus.flow.estimate import Learner
from visus.flow.had_once import HadOnce
from visus.media.pipeline import MediaPipeline
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstream, Upstreams
from visus.routing.dispatch import Attempt, Dispatch, Preparing
from visus.routing.settings import RoutingSettings


class Answering(Dispatch):
    """An answer, opened on entering: who gives it, and the events it is made of."""

    __slots__ = ("_service",)

    def __init__(
        self,
        question: Question,
        route: Sequence[Upstream],
        media: Preparing,
        *,
        service: "ChatService",
        attempts: list[Attempt],
    ) -> None:
        super().__init__(question, route, media, settings=service.routing, attempts=attempts)
        self._service = service

    def settle(self, used: TokensUsed) -> None:
        """Takes note of what the model's server counted, once."""
        if used.answers == 1:
            self._service.learner.learn(self.model, self.prompt, reported=used.prompt)

    def broke_off(self, fault: ServiceError) -> None:
        """Takes note of an answer that did not come to its end."""
        self.deployment.broke_off(fault)


class BlindAnswering(Answering):
    """An answer of a model that takes text alone: pictures are seen to first."""

    __slots__ = ()

    @override
    async def __aenter__(self) -> Self:
        self._question, self._route = await self._service.easing.eased(
            self._question, self._route, self._attempts
        )
        return await super().__aenter__()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatService:
    """Answers chat questions. Built once, in `server.parts`."""

    upstreams: Upstreams
    media: MediaPipeline
    easing: Easing
    routing: RoutingSettings
    learner: Learner

    def answer(self, question: Question, attempts: list[Attempt]) -> Answering:
        """The answer to `question`: entering it asks, leaving it ends the work upstream.

        Every request to a model's server is noted in `attempts`.

        Raises:
            ServiceError: at once, on entering, or from the events.
        """
        route = self.upstreams.route(question)
        asked = route[0]
        is_alone = len(route) == 1 and asked.successor is None
        opened = BlindAnswering if asked.model.sees is None else Answering
        return opened(
            question,
            route,
            self if is_alone and opened is Answering else HadOnce(self.media),
            service=self,
            attempts=attempts,
        )

    def prepare(
        self, question: Question, model: ModelRow, *, upstream_id: str
    ) -> Awaitable[Prompt]:
        """The question as `model` gets it, under the name that its provider gives it."""
        question = able(question, model)
        return self.media.prepare(question, upstream_id=upstream_id, sees=model.sees)
