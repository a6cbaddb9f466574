"""How a question is answered. Read this first: it is the whole service."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import anyio
from typing_extensions import override

from visus.accounts.ledger import NOTHING, Line, Outcome, Size
from visus.accounts.limiter import LimitsSettings
from visus.core.endings import ABANDONED
from visus.core.events import Batch, TokensUsed, Unusable
from visus.core.prompt import Prompt
from visus.core.question import Question
from visus.errors import ServiceError
from visus.flow.abilities import able
from visus.flow.billing import Tab, estimated_usage, size_of, status_of
from visus.flow.blind import TextModelAdapter
from visus.flow.estimate import Learner
from visus.flow.resolved_once import ResolvedOnce
from visus.media.pipeline import MediaPipeline
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstream, Upstreams
from visus.routing.dispatch import Dispatch, Preparing
from visus.routing.settings import RoutingSettings


class Answering(Dispatch):
    """An answer to a question: entering asks, `events` are read, leaving settles the bill.

    The highest cost is reserved before a model is asked. Leaving ends the work upstream, then
    settles; `settle` does so earlier, so that the end of an answer is sent only after its cost
    is recorded.
    """

    __slots__ = (
        "_asked",
        "_generation",
        "_is_estimated",
        "_service",
        "_status",
        "_tab",
        "_used",
        "heard_bytes",
        "size",
    )

    def __init__(
        self,
        question: Question,
        route: Sequence[Upstream],
        media: Preparing,
        *,
        service: "ChatService",
        tab: Tab,
    ) -> None:
        super().__init__(
            question, route, media, settings=service.routing, attempts=tab.attempts
        )
        self._service = service
        self._generation = service.upstreams.generation
        self._tab = tab
        self._asked: ModelRow | None = None
        """The model that was asked last."""
        self._used: TokensUsed | None = None
        self._is_estimated = False
        """Whether a part of the cost is an estimate."""
        self.size: Size = NOTHING
        """The estimated size of the question."""
        self._status = 200
        self.heard_bytes = 0
        """Bytes of what the model wrote that were passed on: text, thoughts, tool calls."""

    @override
    async def __aenter__(self) -> Self:
        self._generation.under_way += 1
        try:
            await self._enter()
        except BaseException as fault:
            self._generation.left()
            self._tab.account.settle(self._outcome(status_of(fault)))
            raise
        return self

    async def _enter(self) -> None:
        await super().__aenter__()

    @override
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, fault, traceback)
        finally:
            self._generation.left()
            if not self._tab.account.is_settled:
                is_known = kind is None or self._status != 200  # noqa: PLR2004 -- it broke off
                status = self._status if is_known else status_of(fault)
                self._tab.account.settle(self._outcome(status))

    @override
    async def _about_to_ask(self, model: ModelRow, prompt: Prompt) -> None:
        self._asked = model
        self.size = size_of(model, prompt, self._service.limits)
        await self._hold(model)

    async def _hold(self, model: ModelRow) -> None:
        await self._tab.account.hold(model, self.size)

    @override
    def _charge_unusable(self, model: ModelRow, fault: Unusable) -> None:
        self._tab.lines.append(Line(model, self._owed(model, fault)))

    def _owed(self, model: ModelRow, fault: Unusable) -> TokensUsed:
        if fault.used is not None:
            return fault.used
        self._is_estimated = True
        return estimated_usage(
            self.size, heard_bytes=fault.heard_bytes, model=model, answers=fault.answers
        )

    def count(self, used: TokensUsed) -> None:
        """Records the usage that the model's server reported."""
        self._used = used
        if used.answers == 1:
            self._service.learner.learn(self.model, self.prompt, reported=used.prompt)

    def broke_off(self, fault: ServiceError) -> None:
        """Records that the answer broke off."""
        self._status = fault.status
        if isinstance(fault, Unusable):
            self._used = self._owed(self.model, fault)
        self.deployment.broke_off(fault)

    def settle(self) -> Batch:
        """Records what the answer cost, before its end is sent.

        Returns:
            The estimated usage, where the model's server reported none.
        """
        self._tab.account.settle(self._outcome(self._status))
        return () if self._used is not None else (self._estimated_usage(self.model),)

    def _estimated_usage(self, model: ModelRow) -> TokensUsed:
        return estimated_usage(self.size, heard_bytes=self.heard_bytes, model=model)

    def _outcome(self, status: int) -> Outcome:
        last = self._attempts[-1] if self._attempts else None
        lines = self._tab.lines
        model, used = self._asked, self._used
        if last is None or model is None:
            return Outcome(status, lines, self._question.model, None, 0)
        if used is None and (self.is_answered or last.outcome == ABANDONED):
            self._is_estimated = True
            used = self._estimated_usage(model)
        if used is not None:
            lines = [*lines, Line(model, used)]
        site = self.deployment.site if self.is_answered else None
        attempts = len(self._attempts)
        is_estimated = self._is_estimated or self._tab.is_estimated
        return Outcome(status, lines, last.model, site, attempts, is_estimated)


class BlindAnswering(Answering):
    """An answer of a model that takes text alone: its pictures are handled first."""

    __slots__ = ("_described", "_one_at_a_time")

    @override
    async def _enter(self) -> None:
        self._described = NOTHING
        self._one_at_a_time = anyio.Lock()
        self._question, self._route = await self._service.text_models.adapt(
            self._question, self._route, self._tab, about_to_ask=self._about_to_describe
        )
        await super()._enter()

    async def _about_to_describe(self, model: ModelRow, prompt: Prompt) -> Size:
        """Reserves the cost of each description, added to that of the others."""
        async with self._one_at_a_time:
            await self._about_to_ask(model, prompt)
            self._described = self._described.and_also(self.size)
            return self.size

    @override
    async def _hold(self, model: ModelRow) -> None:
        await self._tab.account.hold(model, self._described.and_also(self.size))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatService:
    """Answers chat questions. Built once, in `server.parts`."""

    upstreams: Upstreams
    media: MediaPipeline
    text_models: TextModelAdapter
    routing: RoutingSettings
    limits: LimitsSettings
    learner: Learner

    def answer(self, question: Question, tab: Tab) -> Answering:
        """The answer to `question`: entering it asks, leaving it ends the work upstream.

        Every request to a model's server is recorded in `tab`.

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
            self if is_alone and opened is Answering else ResolvedOnce(self.media),
            service=self,
            tab=tab,
        )

    def prepare(
        self, question: Question, model: ModelRow, *, upstream_id: str
    ) -> Awaitable[Prompt]:
        """The question prepared for `model`, under its name at the provider."""
        question = able(question, model)
        return self.media.prepare(question, upstream_id=upstream_id, sees=model.sees)
