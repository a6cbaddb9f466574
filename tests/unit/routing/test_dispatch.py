"""Whatever becomes of a question, its deployment is free of it afterwards."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from visus.core.events import Answer, Batch, TextDelta
from visus.core.places import Site
from visus.core.prompt import Prompt
from visus.core.question import Options, Question
from visus.errors import (
    ModelGone,
    RateLimited,
    ServiceError,
    UpstreamBadResponse,
    UpstreamFailed,
)
from visus.models.catalogue import ModelRow, ProviderRow
from visus.routing.breaker import Breaker
from visus.routing.choose import Upstream
from visus.routing.deployment import Deployment
from visus.routing.dispatch import Attempt, Dispatch
from visus.routing.settings import BreakerSettings, RoutingSettings

QUESTION = Question("m", [])
SETTINGS = RoutingSettings(attempts=2, backoff_s=0.001)


class Scripted:
    """Fails on entering or on the first step, stays silent, or answers."""

    def __init__(self, fault: ServiceError | None, *, late: bool = False) -> None:
        self.fault = fault
        self.late = late
        self.open_now = 0

    def open(self, prompt: Prompt) -> Answer:
        assert prompt.upstream_id == "m"
        return self._answer()

    @asynccontextmanager
    async def _answer(self) -> AsyncGenerator[AsyncIterator[Batch], None]:
        if self.fault is not None and not self.late:
            raise self.fault
        self.open_now += 1
        try:
            yield self._batches()
        finally:
            self.open_now -= 1

    async def _batches(self) -> AsyncGenerator[Batch, None]:
        if self.fault is not None:
            raise self.fault
        if self.late:
            await asyncio.sleep(60)
        yield (TextDelta("Yes."),)


class Unprepared:
    """Prompts without a question."""

    async def prepare(self, question: Question, model: ModelRow, *, upstream_id: str) -> Prompt:
        assert (question, model.id) == (QUESTION, "m")
        return Prompt(upstream_id, [], Options(), streamed=False, within=())


def deployed(provider: Scripted) -> Deployment:
    return Deployment(
        row=ProviderRow(name="p", dialect="openai"),
        site=Site("p"),
        upstream_id="m",
        provider=provider,
        breaker=Breaker(BreakerSettings()),
    )


def dispatched(deployment: Deployment, attempts: list[Attempt]) -> Dispatch:
    route = [Upstream(ModelRow(id="m", provider="p"), [deployment])]
    return Dispatch(QUESTION, route, Unprepared(), settings=SETTINGS, attempts=attempts)


@pytest.mark.parametrize("late", [False, True], ids=["entering", "first event"])
@pytest.mark.parametrize("fault", [UpstreamFailed, UpstreamBadResponse, RateLimited, ModelGone])
async def test_a_question_that_failed_is_in_flight_no_more(
    fault: type[ServiceError], late: bool  # noqa: FBT001
) -> None:  # fmt: skip
    provider = Scripted(fault("No."), late=late)
    deployment = deployed(provider)
    attempts: list[Attempt] = []
    with pytest.raises(fault):
        async with dispatched(deployment, attempts):
            pass
    assert (deployment.in_flight, provider.open_now) == (0, 0)
    assert {one.outcome for one in attempts} == {fault.code}
    assert deployment.begun == len(attempts) == (2 if fault.again == "here" else 1)


async def test_an_answer_is_in_flight_until_it_is_left() -> None:
    provider = Scripted(None)
    deployment = deployed(provider)
    async with dispatched(deployment, []) as found:
        assert found.first == (TextDelta("Yes."),)
        assert (deployment.in_flight, provider.open_now) == (1, 1)
    assert (deployment.in_flight, provider.open_now) == (0, 0)


async def test_a_question_that_nobody_waits_for_is_in_flight_no_more() -> None:
    provider = Scripted(None, late=True)
    deployment = deployed(provider)
    attempts: list[Attempt] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), dispatched(deployment, attempts):
            pass
    assert (deployment.in_flight, provider.open_now) == (0, 0)
    assert [one.outcome for one in attempts] == ["abandoned"]
