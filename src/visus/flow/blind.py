"""A question with pictures for a model that takes text alone: refused, rerouted or described.

Which of these is the policy of the key, or `[routing] blind`. It is about the media of the turn
that is being answered; those of earlier turns are for `media_in_words`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from visus.core.events import TextDelta
from visus.core.question import MediaReference, Options, Question, Text, Turn
from visus.errors import UnsupportedModality
from visus.flow.had_once import HadOnce
from visus.flow.media_in_words import begin_of_current, in_words, noun
from visus.media.pipeline import MediaPipeline
from visus.media.resolving import each
from visus.routing.choose import Upstream, Upstreams
from visus.routing.dispatch import Attempt, Dispatch
from visus.routing.settings import RoutingSettings

MAX_NAMED: Final = 10
"""How many models a refusal names that could look."""
AT_ONCE: Final = 4
"""Descriptions that are asked for at the same time, for one question."""
ASK: Final = (
    "Describe this for somebody who cannot see it. Say what it is, then everything that matters"
    " in it, in order. Quote all text word for word. Say nothing else."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Easing:
    """Makes a question with media answerable by, or in place of, a model of text alone."""

    upstreams: Upstreams
    media: MediaPipeline
    routing: RoutingSettings

    async def eased(
        self, question: Question, route: Sequence[Upstream], attempts: list[Attempt]
    ) -> tuple[Question, Sequence[Upstream]]:
        """The question and the models to be asked, where the first of `route` sees nothing.

        Raises:
            UnsupportedModality: it is to be refused, or nobody who sees may be asked.
            ServiceError: why there is no description.
        """
        wanted = [
            part
            for turn in question.turns[begin_of_current(question.turns) :]
            for part in turn.parts
            if not isinstance(part, Text)
        ]
        if not wanted:
            return question, route
        policy = question.blind or self.routing.blind
        seeing = self._seeing(question, route)
        if policy == "refuse" or not seeing:
            raise self._refusal(question, wanted[0])
        if policy == "reroute":
            return question, seeing
        texts = await each(
            dict(enumerate(wanted)),
            lambda medium: self._description(question, medium, seeing, attempts),
            time.monotonic() + self.routing.budget_s,
            at_once=AT_ONCE,
        )
        described = iter([texts[place] for place in range(len(wanted))])
        begin = begin_of_current(question.turns)
        return in_words(question, lambda _: next(described), begin=begin), route

    def _seeing(self, question: Question, route: Sequence[Upstream]) -> Sequence[Upstream]:
        """Who may look: fallbacks that see, then the operator's choice, or else whoever can."""
        by_id = self.upstreams.by_id
        chosen = [by_id[one] for one in self.routing.seeing if one in by_id]
        found = [one for one in (*route[1:], *chosen) if one.model.sees is not None]
        if found:
            return found
        ready = self.upstreams.ready(question.within)
        return [by_id[row.id] for row, _ in ready if row.sees is not None][:1]

    def _refusal(self, question: Question, medium: MediaReference) -> UnsupportedModality:
        ready = self.upstreams.ready(question.within)
        names = [row.id for row, _ in ready if row.sees is not None][:MAX_NAMED]
        these = f" These do: {', '.join(names)}." if names else ""
        return UnsupportedModality(
            f"This model does not take images.{these}", param=medium.param
        )

    async def _description(
        self,
        question: Question,
        medium: MediaReference,
        seeing: Sequence[Upstream],
        attempts: list[Attempt],
    ) -> tuple[str, str]:
        asked = Question(
            seeing[0].model.id,
            [Turn("user", [Text(ASK), medium], "messages")],
            Options(max_tokens=self.routing.description_tokens),
            within=question.within,
            media=question.media,
            owner=question.owner,
        )
        tried: list[Attempt] = []
        try:
            async with Dispatch(
                asked, seeing, HadOnce(self.media), settings=self.routing, attempts=tried
            ) as found:
                batches = [found.first, *[batch async for batch in found.events]]
                said = [one for batch in batches for one in batch if type(one) is TextDelta]
                text = "".join(one.text for one in said).strip()
                return (
                    f"[{noun(medium).capitalize()}, described by {found.model.id}: {text}]",
                    f"described by {found.model.id}",
                )
        finally:
            attempts += tried
