import base64
from dataclasses import dataclass, field

import msgspec
import pytest
from msgspec.structs import replace

from visus.core.events import Batch, Finished, TextDelta, TokensUsed
from visus.core.prompt import Image, Prompt, PromptTurn
from visus.core.question import JsonSchema, NamedTool, Options, Text, Tool
from visus.errors import (
    ServiceError,
    UnsupportedParameter,
    UpstreamBadResponse,
    UpstreamTimedOut,
)
from visus.local.lite.answering.dialogue import Job, Outcome
from visus.local.lite.provider import LiteProvider
from visus.workers.faults import WorkerDied, WorkerFailed, WorkerTimedOut

ANSWER = "One two three four five six seven eight nine ten\neleven."


@dataclass
class Desk:
    """Keeps the contract of the pool: takes bytes, gives an outcome or fails as told."""

    fault: Exception | None = None
    jobs: list[Job] = field(default_factory=list)

    async def call(self, job: bytes, *, deadline_s: float | None = None) -> bytes:
        assert deadline_s
        self.jobs.append(msgspec.msgpack.decode(job, type=Job))
        if self.fault is not None:
            raise self.fault
        return msgspec.msgpack.encode(Outcome(ANSWER, "stop", 5, 12))


def prompt(options: Options | None = None) -> Prompt:
    file = memoryview(base64.b64encode(b"file"))
    image = Image("image/png", 10, 10, file, "auto", "messages[1].content[0].image_url.url")
    turns = [
        PromptTurn("system", [Text("Be kind.")]),
        PromptTurn("user", [image, Text("What"), Text("is it?")]),
        PromptTurn("tool", [image], tool_call_id="c"),
    ]
    return Prompt("visus-lite", turns, options or Options(), streamed=True, within=())


async def batches(desk: Desk, asked: Prompt) -> list[Batch]:
    async with LiteProvider(pool=desk, deadline_s=60).open(asked) as answer:
        return [batch async for batch in answer]


async def test_the_answer_comes_word_by_word_in_several_batches() -> None:
    told = await batches(Desk(), prompt())
    words = [event for batch in told for event in batch if isinstance(event, TextDelta)]
    assert "".join(word.text for word in words) == ANSWER
    assert len(words) == 11
    assert len(told) == 3
    assert told[-1] == (Finished("stop"), TokensUsed(prompt=5, completion=12))


async def test_pictures_of_every_role_and_all_options_reach_the_worker() -> None:
    desk = Desk()
    schema = JsonSchema("s", b"{}")
    await batches(desk, prompt(Options(max_tokens=7, stop=("x",), answer_format=schema)))
    (job,) = desk.jobs
    assert [turn.pictures for turn in job.turns] == [[], [0], [1]]
    assert job.turns[1].text == "What\nis it?"
    assert (job.max_tokens, job.stop, job.schema) == (7, ["x"], b"{}")
    assert job.pictures[0].param == "messages[1].content[0].image_url.url"


@pytest.mark.parametrize(
    ("options", "param"),
    [
        (Options(n=2), "n"),
        (Options(logprobs=True), "logprobs"),
        (Options(top_logprobs=3), "top_logprobs"),
        (Options(logit_bias=b"{}"), "logit_bias"),
        (Options(reasoning_effort="low"), "reasoning_effort"),
        (Options(tool_choice="required"), "tool_choice"),
        (Options(tool_choice=NamedTool("f")), "tool_choice"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name_before_any_work(
    options: Options, param: str
) -> None:
    desk = Desk()
    with pytest.raises(UnsupportedParameter) as refusal:
        await batches(desk, prompt(options))
    assert refusal.value.param == param
    assert desk.jobs == []


async def test_who_demands_a_tool_is_told_what_there_is_instead() -> None:
    with pytest.raises(UnsupportedParameter, match="'response_format'"):
        await batches(Desk(), prompt(Options(tools=[Tool("f")], tool_choice="required")))


async def test_what_changes_nothing_is_accepted() -> None:
    options = Options(n=1, temperature=0.3, top_p=0.5, seed=4, user="u")
    options = replace(options, presence_penalty=1.0, frequency_penalty=-0.5)
    tools = replace(options, tools=[Tool("f")], tool_choice="auto", reasoning_effort="none")
    assert await batches(Desk(), prompt(tools))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (WorkerTimedOut("Sorry."), UpstreamTimedOut),
        (WorkerDied("Sorry."), UpstreamBadResponse),
        (WorkerFailed("Sorry."), UpstreamBadResponse),
        (UnsupportedParameter("No.", param="response_format"), UnsupportedParameter),
    ],
)
async def test_a_worker_that_fails_is_told_as_a_fault_behind_us(
    fault: ServiceError, told: type[ServiceError]
) -> None:
    with pytest.raises(told):
        await batches(Desk(fault), prompt())
