"""A question with pictures for a model that takes text alone: refused, rerouted or described.

Which of these is the policy of the key, or `[routing] blind`. It is about the media of the turn
that is being answered; those of earlier turns are for `media_in_words`.
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
from visus.flow.had_once import HadOnce
from visus.flow.lookers import Lookers
from visus.flow.media_in_words import begin_of_current, in_words, noun
from visus.media.pipeline import MediaPipeline
from visus.media.resolving import each
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstream
from visus.routing.dispatch import Attempt, Dispatch, Preparing
from visus.routing.settings import RoutingSettings

AT_ONCE: Final = 4
"""Descriptions that are asked for at the same time, for one question."""


AboutToAsk: TypeAlias = Callable[[ModelRow, Prompt], Awaitable[Size]]
"""Is told which model is about to be asked what, says how large that is thought to be, and
raises where it must not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Easing:
    """Makes a question with media answerable by, or in place of, a model of text alone."""

    lookers: Lookers
    media: MediaPipeline
    routing: RoutingSettings

    async def eased(
        self,
        question: Question,
        route: Sequence[Upstream],
        tab: Tab,
        *,
        about_to_ask: AboutToAsk,
    ) -> tuple[Question, Sequence[Upstream]]:
        """The question and the models to be asked, where the first of `route` sees nothing.

        Raises:
            UnsupportedModality: it is to be refused, or nobody who sees may be asked.
            ServiceError: why there is no description.
        """
        found = self.lookers.instead(question, route)
        if found is None:
            return question, route
        wanted, seeing = found.media, found.seeing
        if found.policy == "reroute":
            return question, seeing

        def described(medium: MediaReference) -> Awaitable[tuple[str, str]]:
            describing = _Describing(
                _asked(question, medium, seeing[0], self.routing.description_tokens),
                seeing,
                HadOnce(self.media),
                settings=self.routing,
                about_to_ask=about_to_ask,
            )
            return self._description(describing, noun(medium).capitalize(), tab)

        deadline_s = time.monotonic() + self.routing.budget_s
        told = await each(dict(enumerate(wanted)), described, deadline_s, at_once=AT_ONCE)
        texts = iter([told[place] for place in range(len(wanted))])
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
    """Asks for a description, and tells first whom."""

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
        """How large the question is thought to be that was asked last."""

    @override
    async def _about_to_ask(self, model: ModelRow, prompt: Prompt) -> None:
        self.size = await self._told(model, prompt)


def wording(what: str) -> str:
    """How a description is asked for, in words that `visus-lite` understands too."""
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
