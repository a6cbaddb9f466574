"""A question with pictures for a model that takes text alone: refused, rerouted or described.

`BlindPolicy` decides which. This is about the media of the turn that is being answered; those
of earlier turns are replaced by `media_in_words`.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from typing_extensions import override

from visus.accounts.ledger import NOTHING, Size
from visus.core.prompt import Prompt
from visus.core.question import MediaReference, Options, Question, Text, Turn
from visus.flow.billing import Tab, text_of
from visus.flow.blind_policy import BlindPolicy
from visus.flow.media_in_words import begin_of_current, in_words, noun
from visus.flow.resolved_once import ResolvedOnce
from visus.media.pipeline import MediaPipeline
from visus.media.resolving import each
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstream
from visus.routing.dispatch import Attempt, Dispatch, Preparing
from visus.routing.settings import RoutingSettings

AT_ONCE: Final = 4
"""How many descriptions are requested at the same time, for one question."""


AboutToAsk: TypeAlias = Callable[[ModelRow, Prompt], Awaitable[Size]]
"""Called before a model is asked: returns the estimated size, or raises to forbid it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextModelAdapter:
    """Makes a question with media answerable where its model takes text alone."""

    blind_policy: BlindPolicy
    media: MediaPipeline
    routing: RoutingSettings

    async def adapt(
        self,
        question: Question,
        route: Sequence[Upstream],
        tab: Tab,
        *,
        about_to_ask: AboutToAsk,
    ) -> tuple[Question, Sequence[Upstream]]:
        """The question and the models to ask, where the first of `route` has no vision.

        Raises:
            UnsupportedModality: the policy refuses, or no model with vision may be asked.
            ServiceError: a description failed.
        """
        found = self.blind_policy.decide(question, route)
        if found is None:
            return question, route
        wanted, seeing = found.media, found.seeing
        if found.policy == "reroute":
            return question, seeing

        def described(medium: MediaReference) -> Awaitable[tuple[str, str]]:
            describing = _Describing(
                _asked(question, medium, seeing[0], self.routing.description_tokens),
                seeing,
                ResolvedOnce(self.media),
                settings=self.routing,
                about_to_ask=about_to_ask,
            )
            return self._description(describing, noun(medium).capitalize(), tab)

        deadline_s = time.monotonic() + self.routing.budget_s
        told = await each(dict(enumerate(wanted)), described, deadline_s, at_once=AT_ONCE)
        texts = iter([told[index] for index in range(len(wanted))])
        begin = begin_of_current(question.turns)
        return in_words(question, lambda _: next(texts), begin=begin), route

    async def _description(
        self, describing: "_Describing", what: str, tab: Tab
    ) -> tuple[str, str]:
        try:
            async with describing as found:
                events = [*found.first]
                try:
                    async for batch in found.events:
                        events += batch
                finally:
                    tab.charge(found.model, found.size, events)
                text = text_of(events).strip()
                return (
                    f"[{what}, described by {found.model.id}: {text}]",
                    f"described by {found.model.id}",
                )
        finally:
            tab.attempts.extend(describing.tried)


class _Describing(Dispatch):
    """Asks for a description, after calling `about_to_ask`."""

    __slots__ = ("_told", "size", "tried")

    def __init__(
        self,
        question: Question,
        route: Sequence[Upstream],
        media: Preparing,
        *,
        settings: RoutingSettings,
        about_to_ask: AboutToAsk,
    ) -> None:
        self.tried: list[Attempt] = []
        super().__init__(question, route, media, settings=settings, attempts=self.tried)
        self._told = about_to_ask
        self.size: Size = NOTHING
        """The estimated size of the question that was asked last."""

    @override
    async def _about_to_ask(self, model: ModelRow, prompt: Prompt) -> None:
        self.size = await self._told(model, prompt)


def wording(what: str) -> str:
    """The request for a description, in words that `visus-lite` understands too."""
    return f"Describe this {what} in detail, in order. Include all text, word for word."


def _asked(
    question: Question, medium: MediaReference, seeing: Upstream, max_tokens: int
) -> Question:
    return Question(
        seeing.model.id,
        [Turn("user", [Text(wording(noun(medium))), medium], "messages")],
        Options(max_tokens=max_tokens),
        within=question.within,
        media=question.media,
        owner=question.owner,
        models=question.models,
    )
