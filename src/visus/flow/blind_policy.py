"""What happens to the media of a question whose model takes text alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from visus.core.question import Blind, MediaReference, Question, Text
from visus.errors import UnsupportedModality
from visus.flow.media_in_words import begin_of_current
from visus.routing.choose import Upstream, Upstreams
from visus.routing.settings import RoutingSettings

MAX_NAMED: Final = 10
"""How many models with vision a refusal names."""


class Decision(NamedTuple):
    """How media that the asked model cannot see are handled."""

    policy: Blind
    media: Sequence[MediaReference]
    """Those of the turn that is being answered; at least one."""
    seeing: Sequence[Upstream]
    """The models with vision that may be asked, in order; at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindPolicy:
    """Decides by the policy of the key, or else of the settings."""

    upstreams: Upstreams
    routing: RoutingSettings

    def decide(self, question: Question, route: Sequence[Upstream]) -> Decision | None:
        """What to do where the first of `route` has no vision; None: the turn has no media.

        Raises:
            UnsupportedModality: the policy refuses, or no model with vision may be asked.
        """
        begin = begin_of_current(question.turns)
        current = (part for turn in question.turns[begin:] for part in turn.parts)
        wanted = [part for part in current if not isinstance(part, Text)]
        if not wanted:
            return None
        policy = question.blind or self.routing.blind
        seeing = self._seeing(question, route)
        if policy == "refuse" or not seeing:
            raise self._refusal(question, wanted[0])
        return Decision(policy, wanted, seeing)

    def _seeing(self, question: Question, route: Sequence[Upstream]) -> Sequence[Upstream]:
        """Fallbacks with vision, then `[routing] seeing`; else the first with vision."""
        by_id = self.upstreams.by_id
        chosen = [by_id[one] for one in self.routing.seeing if one in by_id]
        found = [
            one
            for one in (*route[1:], *chosen)
            if one.model.sees is not None and question.may_ask(one.model.id)
        ]
        if found:
            return found
        ready = self.upstreams.ready(question.within, question.models)
        return [by_id[row.id] for row, _ in ready if row.sees is not None][:1]

    def _refusal(self, question: Question, medium: MediaReference) -> UnsupportedModality:
        ready = self.upstreams.ready(question.within, question.models)
        names = [row.id for row, _ in ready if row.sees is not None][:MAX_NAMED]
        these = f" These do: {', '.join(names)}." if names else ""
        return UnsupportedModality(
            f"This model does not take images.{these}", param=medium.param
        )
