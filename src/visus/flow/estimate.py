"""What a question would cost, estimated without asking it.

No model is called. The pictures are had and checked once, and fitted for each model; formulas,
limits and prices are data of the catalogue, and drift is learnt from the usage that real
answers report.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from visus.core.price import cost
from visus.core.prompt import PartReport, Prompt
from visus.core.question import Question, Text
from visus.core.text_tokens import size_of
from visus.errors import ServiceError, UnsupportedModality
from visus.flow.abilities import able
from visus.flow.blind_policy import BlindPolicy
from visus.media.pipeline import MediaPipeline
from visus.media.resolving import Resolved
from visus.models.calibration import Calibration, Correction, Estimate
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstreams, refuse_foreign
from visus.units import Micros

_BURST: Final = 100
_A_SECOND: Final = 4.0


@dataclass(slots=True)
class Learner:
    """Feeds answers to the calibration: every one of a few, some of very many.

    Finding the coefficients costs more than a request does, so that beyond a burst of `_BURST`
    answers only `_A_SECOND` a second are looked at, of all models together.
    """

    calibration: Calibration = field(default_factory=Calibration)
    _spare: float = _BURST
    _since_s: float = field(default_factory=time.monotonic)

    def learn(self, model: ModelRow, prompt: Prompt, *, reported: int) -> None:
        """Compares one answer's usage with the formulas."""
        now_s = time.monotonic()
        self._spare = min(_BURST, self._spare + (now_s - self._since_s) * _A_SECOND)
        self._since_s = now_s
        if self._spare < 1:
            return
        self._spare -= 1
        estimate = formulas(model, prompt)
        if estimate is not None:
            self.calibration.learn(model.id, estimate, reported=reported)


def formulas(model: ModelRow, prompt: Prompt) -> Estimate | None:
    """The uncorrected numbers; None where the model has no formula for its pictures."""
    media = [report.tokens for report in prompt.reports]
    known = [tokens for tokens in media if tokens is not None]
    if len(known) < len(media):
        return None
    images = sum(len(report.images) for report in prompt.reports)
    return Estimate(sum(known), images, text_tokens(model, prompt))


def text_tokens(model: ModelRow, prompt: Prompt) -> int:
    """What the words, the tools and the schema of the answer cost."""
    rule = model.text_tokens.rule
    sizes: list[int] = []
    for turn in prompt.turns:
        size = 0
        for part in turn.parts:
            if isinstance(part, Text):
                size += size_of(part.text)
        for call in turn.tool_calls:
            size += size_of(call.name) + size_of(call.arguments)
        sizes.append(size)
    tokens = rule.of_turns(sizes)
    for tool in prompt.options.tools:
        tokens += rule.count(tool.name + (tool.description or ""))
        tokens += rule.count((tool.parameters or b"").decode("utf-8", "replace"))
    return tokens


class Cost(NamedTuple):
    """What a question costs on one model; None: unknown."""

    image_tokens: int | None
    text_tokens: int
    tokens: int | None
    cost_micros: Micros | None
    currency: str | None
    fits_context: bool | None
    correction: Correction | None
    answered_by: str | None = None
    """The model whose numbers these are, where another would be asked instead."""


class Estimated(NamedTuple):
    """A question on several models."""

    costs: Mapping[str, Cost | ServiceError]
    """By model; an error where this model would refuse the question."""
    reports: Sequence[PartReport]
    """Of the asked model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateService:
    """Counts questions."""

    upstreams: Upstreams
    blind_policy: BlindPolicy
    media: MediaPipeline
    learner: Learner

    async def estimate(self, question: Question, compare: Sequence[str]) -> Estimated:
        """The cost on the asked model and on those of `compare`, configured or not.

        Raises:
            ServiceError: the asked model does not exist or would refuse the question, a file
                cannot be had, or a model of `compare` does not exist; or the caller may not ask
                one of them.
        """
        asked = self._model(question, question.model, "model")
        others = [
            self._model(question, model_id, f"visus.compare[{index}]")
            for index, model_id in enumerate(compare)
        ]
        answering = self._answering_model(question, asked)
        resolved = await self._resolved(question, [answering, *others])
        prompt = await self._prompt(question, resolved, answering)
        costs: dict[str, Cost | ServiceError] = {asked.id: self._cost(asked, answering, prompt)}
        for other in others:
            try:
                answering = self._answering_model(question, other)
                fitted = await self._prompt(question, resolved, answering)
            except ServiceError as refusal:
                costs[other.id] = refusal
            else:
                costs[other.id] = self._cost(other, answering, fitted)
        return Estimated(costs, prompt.reports)

    async def _resolved(self, question: Question, models: Sequence[ModelRow]) -> Resolved:
        """The media; not fetched where the only model takes text alone."""
        is_needed = len(models) > 1 or models[0].sees is not None
        parts = [part for turn in question.turns for part in turn.parts] if is_needed else []
        references = [part for part in parts if not isinstance(part, Text)]
        return await self.media.resolve(references, owner=question.owner)

    def _answering_model(self, question: Question, model: ModelRow) -> ModelRow:
        """The model that would answer: another one where `model` takes text alone.

        Raises:
            ServiceError: none would, or the cost depends on descriptions not written yet.
        """
        if model.sees is not None:
            return model
        question = replace(question, model=model.id)
        found = self.blind_policy.decide(question, self.upstreams.route(question))
        if found is None:
            return model
        if found.policy == "reroute":
            within = question.within
            ready = (one for one in found.seeing if one.ready(within))
            first = next(ready, found.seeing[0])
            first.pick(within)
            return first.model
        raise UnsupportedModality(
            "This model takes no images, and would be asked about descriptions of them. What "
            "that costs is not known before they are written.",
            param=found.media[0].param,
        )

    def _model(self, question: Question, model_id: str, param: str) -> ModelRow:
        upstream = self.upstreams.find(model_id, param)
        refuse_foreign(question, upstream, param)
        return upstream.model

    async def _prompt(self, question: Question, resolved: Resolved, model: ModelRow) -> Prompt:
        question = able(question, model)
        if model.sees is None:
            return await self.media.prepare(question, upstream_id=model.id, sees=None)
        return await self.media.fitted(
            question, resolved, upstream_id=model.id, sees=model.sees
        )

    def _cost(self, asked: ModelRow, model: ModelRow, prompt: Prompt) -> Cost:
        found = self._own_cost(model, prompt)
        return found if model.id == asked.id else found._replace(answered_by=model.id)

    def _own_cost(self, model: ModelRow, prompt: Prompt) -> Cost:
        estimate = formulas(model, prompt)
        if estimate is None:
            return Cost(None, text_tokens(model, prompt), None, None, None, None, None)
        corrected = self.learner.calibration.corrected(model.id, estimate)
        tokens = corrected.tokens
        price = model.price_on(datetime.now(UTC).date())
        longest = model.max_sequence_length
        answer = prompt.options.max_tokens or 0
        return Cost(
            corrected.media_tokens,
            corrected.text_tokens,
            tokens,
            None if price is None else cost(price.rates, input_tokens=tokens),
            None if price is None else price.currency,
            None if longest is None else tokens + answer <= longest,
            corrected.correction,
        )
