"""Asks deployments until one answers: retries, other deployments, fallback models.

Everything that is tried stands before the first event, under one budget of attempts and time
(docs/decisions/0012-when-a-question-is-asked-again.md). Whether a failure may be tried again is
a property of its class: `errors.ServiceError.again`.
"""

import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

import anyio
import msgspec
from msgspec.structs import replace
from typing_extensions import override

from visus.core.endings import ABANDONED
from visus.core.events import Answer, Batch, Preamble, Unusable
from visus.core.prompt import Prompt
from visus.core.question import Question
from visus.errors import ModelGone, ServiceError
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstream
from visus.routing.deployment import Deployment
from visus.routing.settings import RoutingSettings


class Preparing(Protocol):
    """Prepares questions for models: `flow.chat.ChatService`."""

    def prepare(
        self, question: Question, model: ModelRow, *, upstream_id: str
    ) -> Awaitable[Prompt]:
        """The question as one model gets it, under the name that its provider gives it."""
        ...


class Attempt(msgspec.Struct, omit_defaults=True):
    """One request to a model's server, for the log record."""

    model: str
    provider: str
    ms: float
    """Until the first event, or until it failed."""
    outcome: str
    """`answered`, or the code of what went wrong."""
    detail: str | None = None


class Dispatch(AbstractAsyncContextManager["Dispatch"]):
    """Asks on entering, until a deployment answers; leaving ends the work upstream.

    Once entered it says who answers, and holds the first events.
    """

    __slots__ = (
        "_answer", "_attempts", "_began_s", "_media", "_question", "_route", "_settings",
        "answered_as", "deployment", "events", "first", "is_answered", "model", "prompt",
    )  # fmt: skip

    def __init__(
        self,
        question: Question,
        route: Sequence[Upstream],
        media: Preparing,
        *,
        settings: RoutingSettings,
        attempts: list[Attempt],
    ) -> None:
        """`attempts` is where each request to a server is noted."""
        self._question = question
        self._route = route
        self._media = media
        self._settings = settings
        self._attempts = attempts
        self._began_s = time.monotonic()
        self._answer: Answer
        self.is_answered = False
        """Whether a deployment has begun to answer; then these are set:"""
        self.model: ModelRow
        self.deployment: Deployment
        self.prompt: Prompt
        """As the model got it."""
        self.first: Batch
        self.events: AsyncIterator[Batch]
        """All that follow the first."""
        self.answered_as: str | None = None
        """The model that the server says it asked, where that is another."""

    @override
    async def __aenter__(self) -> Self:
        route = self._route
        try:
            await self._ask_model(route[0], kept_back=len(route) - 1)
        except ServiceError as fault:
            others = route[1:]
            heir = route[0].successor
            if isinstance(fault, ModelGone) and heir is not None:
                others = (heir, *others) if self._question.may_ask(heir.model.id) else others
            if fault.again == "nowhere" or not others:
                raise
            await self._ask_fallbacks(others, fault)
        return self

    @override
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.deployment.in_flight -= 1
        await self._answer.__aexit__(kind, fault, traceback)

    async def _ask_fallbacks(self, others: Sequence[Upstream], told: ServiceError) -> None:
        """Asks the fallbacks in order, until one answers.

        Raises:
            ServiceError: the first fault, preferably of a request that was made.
        """
        for number, upstream in enumerate(others, 1):
            tried = len(self._attempts)
            if tried and not self._left:
                break
            try:
                await self._ask_model(upstream, kept_back=len(others) - number)
            except ServiceError as fault:
                if not tried and self._attempts:
                    told = fault
            else:
                return
        raise told

    async def _ask_model(self, upstream: Upstream, *, kept_back: int) -> None:
        """Asks the deployments of one model, until one answers.

        One attempt is reserved for each of the `kept_back` models that may still be asked;
        trying another deployment of this model may use all of these but one.

        Raises:
            ServiceError: none answers, or only reserved attempts are left.
        """
        within = self._question.within
        deployment = upstream.pick(within)
        prompt = await self._media.prepare(
            self._question, upstream.model, upstream_id=deployment.upstream_id
        )
        await self._about_to_ask(upstream.model, prompt)
        if len(upstream.deployments) > 1:  # somebody else may have less to do by now
            deployment = upstream.pick(within)
        tried: list[Deployment] = []
        waits = 0
        while True:
            try:
                await self._ask_deployment(upstream, deployment, prompt)
            except ServiceError as fault:
                if fault.again == "nowhere" or self._left <= min(kept_back, 1):
                    raise
                tried.append(deployment)
                another = upstream.pick_another(within, tried)
                if another is None and fault.again == "here" and self._left > kept_back:
                    await self._wait(fault, waits)
                    waits += 1
                    tried = []
                    another = upstream.pick_another(within, tried)
                if another is None:
                    raise
                deployment = another
            else:
                return

    async def _about_to_ask(self, model: ModelRow, prompt: Prompt) -> None:
        """Called before a model is asked; raises to forbid it."""

    def _charge_unusable(self, model: ModelRow, fault: Unusable) -> None:
        """Called for unusable answers, which have to be paid for all the same."""

    async def _ask_deployment(
        self, upstream: Upstream, deployment: Deployment, prompt: Prompt
    ) -> None:
        if deployment.breaker.is_open:  # since it was picked, perhaps
            deployment.check(self._question.within)
        if prompt.upstream_id != deployment.upstream_id:
            prompt = replace(prompt, upstream_id=deployment.upstream_id)
        was_probe = deployment.begin()
        began_s = time.monotonic()
        answer = deployment.open(prompt)
        try:
            events = await answer.__aenter__()
            try:
                first = await anext(events, ())
            except BaseException:
                await answer.__aexit__(*sys.exc_info())
                raise
        except ServiceError as fault:
            if isinstance(fault, Unusable):
                self._charge_unusable(upstream.model, fault)
            deployment.failed(fault, was_probe=was_probe)
            self._note(upstream, deployment, began_s, fault.code, fault.detail)
            raise
        except BaseException:
            deployment.left(was_probe=was_probe)
            self._note(upstream, deployment, began_s, ABANDONED)
            raise
        deployment.succeeded()
        self.is_answered = True
        self._note(upstream, deployment, began_s, "answered")
        self._answer = answer
        self.model, self.deployment, self.prompt = upstream.model, deployment, prompt
        self.first, self.events = first, events
        told = first[0] if first else None
        if type(told) is Preamble and (named := told.answered_as):
            self.answered_as = None if upstream.goes_by(named) else named

    @property
    def _left(self) -> int:
        """How many attempts are left in the budget."""
        if time.monotonic() - self._began_s > self._settings.budget_s:
            return 0
        return self._settings.attempts - len(self._attempts)

    async def _wait(self, fault: ServiceError, waits: int) -> None:
        """Waits before a server is asked again; raises `fault` where that is too long."""
        settings = self._settings
        # At random over the whole of a growing interval: those who failed together spread out.
        wait_s = random.uniform(0, settings.backoff_s * 2**waits)  # noqa: S311 -- no secret
        wait_s += fault.retry_after_s or 0
        spent_s = time.monotonic() - self._began_s
        if wait_s > settings.max_wait_s or spent_s + wait_s > settings.budget_s:
            raise fault
        await anyio.sleep(wait_s)

    def _note(
        self,
        upstream: Upstream,
        deployment: Deployment,
        began_s: float,
        outcome: str,
        detail: str | None = None,
    ) -> None:
        ms = (time.monotonic() - began_s) * 1000
        attempt = Attempt(upstream.model.id, deployment.row.name, ms, outcome, detail)
        self._attempts.append(attempt)
