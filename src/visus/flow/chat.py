"""How a question is answered. Read this first: it is the whole service."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from visus.core.events import TokensUsed
from visus.core.prompt import Prompt
from visus.core.question import Question
from visus.errors import ServiceError
from visus.flow.abilities import able
from visus.flow.estimate import Learner
from visus.flow.had_once import HadOnce
from visus.media.pipeline import MediaPipeline
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstream, Upstreams
from visus.routing.dispatch import Attempt, Dispatch, Preparing
from visus.routing.settings import RoutingSettings


class Answering(Dispatch):
    """An answer, opened on entering: who gives it, and the events it is made of."""

    __slots__ = ("_learner",)

    def __init__(  # noqa: PLR0913 -- what a dispatch needs, and who learns from the answer
        self,
        question: Question,
        route: Sequence[Upstream],
        media: Preparing,
        *,
        settings: RoutingSettings,
        attempts: list[Attempt],
        learner: Learner,
    ) -> None:
        super().__init__(question, route, media, settings=settings, attempts=attempts)
        self._learner = learner

    def settle(self, used: TokensUsed) -> None:
        """Takes note of what the model's server counted, once."""
        if used.answers == 1:
            self._learner.learn(self.model, self.prompt, reported=used.prompt)

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

    def answer(self, question: Question, attempts: list[Attempt]) -> Answering:
        """The answer to `question`: entering it asks, leaving it ends the work upstream.

        Every request to a model's server is noted in `attempts`.

        Raises:
            ServiceError: at once, on entering, or from the events.
        """
        route = self.upstreams.route(question)
        return Answering(
            question,
            route,
            self if len(route) == 1 else HadOnce(self.media),
            settings=self.routing,
            attempts=attempts,
            learner=self.learner,
        )

    def prepare(
        self, question: Question, model: ModelRow, *, upstream_id: str
    ) -> Awaitable[Prompt]:
        """The question as `model` gets it, under the name that its provider gives it."""
        question = able(question, model)
        return self.media.prepare(question, upstream_id=upstream_id, sees=model.sees)
