"""`visus-lite` as a provider: a prompt becomes a job, the worker's answer becomes events.

This runs in the front process and imports no model, no decoder and none of the rules.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from visus.core.events import Answer, Batch, Finished, TextDelta, TokensUsed
from visus.core.prompt import Image, MediaFile, Prompt, PromptTurn
from visus.core.question import JsonObject, JsonSchema, Options, Text
from visus.errors import (
    UnsupportedModality,
    UnsupportedParameter,
    UpstreamBadResponse,
    UpstreamSilent,
)
from visus.local.lite.answering.dialogue import Job, Outcome, Picture, Speech
from visus.workers.faults import WorkerDied, WorkerFailed, WorkerTimedOut

_WORD: Final = re.compile(r"\s*\S+|\s+$")
_WORDS_AT_ONCE: Final = 8


class Desk(Protocol):
    """Runs jobs in another process: `workers.pool.WorkerPool`."""

    async def call(self, job: bytes, *, deadline_s: float | None = None) -> bytes:
        """The outcome of a job."""
        ...

    @property
    def stuck(self) -> str | None:
        """Why no worker runs; None while one runs or might still start."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteProvider:
    """Answers from perception, on this machine."""

    pool: Desk
    deadline_s: float
    """How long a job with one picture may take. Each further one adds half of it; a job without
    any has half of it."""

    def open(self, prompt: Prompt) -> Answer:
        """Asks the prompt; the worker has answered in full when the answer is entered."""
        return self._answer(prompt)

    @property
    def why_not(self) -> str | None:
        """Why it cannot answer now; see `visus.providers.base.RunsHere`."""
        return self.pool.stuck

    @asynccontextmanager
    async def _answer(self, prompt: Prompt) -> AsyncGenerator[AsyncIterator[Batch], None]:
        _refuse_what_cannot_be_honoured(prompt.options)
        outcome = await self._ask(_job(prompt))
        async with aclosing(_batches(outcome)) as batches:
            yield batches

    async def _ask(self, job: Job) -> Outcome:
        deadline_s = self.deadline_s * (1 + len(job.pictures)) / 2
        try:
            done = await self.pool.call(msgspec.msgpack.encode(job), deadline_s=deadline_s)
        except WorkerTimedOut as fault:
            raise UpstreamSilent(
                "visus-lite did not answer in time.", detail=fault.detail
            ) from fault
        except (WorkerDied, WorkerFailed) as fault:
            raise UpstreamBadResponse(
                "visus-lite failed on this request and was started again.", detail=fault.detail
            ) from fault
        return msgspec.msgpack.decode(done, type=Outcome)


def _refuse_what_cannot_be_honoured(options: Options) -> None:
    if options.n is not None and options.n > 1:
        raise UnsupportedParameter("visus-lite gives one answer: n may only be 1.", param="n")
    if options.top_logprobs is not None:
        raise UnsupportedParameter("visus-lite has no log probabilities.", param="top_logprobs")
    if options.logprobs:
        raise UnsupportedParameter("visus-lite has no log probabilities.", param="logprobs")
    if options.logit_bias is not None:
        raise UnsupportedParameter("visus-lite has no tokens to bias.", param="logit_bias")
    if options.reasoning_effort not in {None, "none"}:
        raise UnsupportedParameter("visus-lite does not reason.", param="reasoning_effort")
    if options.tool_choice not in {None, "none", "auto"}:
        raise UnsupportedParameter(
            "visus-lite calls no tools: 'tool_choice' may only be 'none' or 'auto'. "
            "For JSON, send a 'response_format'.",
            param="tool_choice",
        )


def _job(prompt: Prompt) -> Job:
    options = prompt.options
    pictures: list[Picture] = []
    wanted = options.answer_format
    return Job(
        turns=[_speech(turn, pictures) for turn in prompt.turns],
        pictures=pictures,
        max_tokens=options.max_tokens,
        stop=list(options.stop),
        json_object=isinstance(wanted, JsonObject),
        schema=wanted.schema if isinstance(wanted, JsonSchema) else None,
    )


def _speech(turn: PromptTurn, pictures: list[Picture]) -> Speech:
    texts: list[str] = []
    places: list[int] = []
    for part in turn.parts:
        match part:
            case Text(text=text):
                texts.append(text)
            case Image():
                places.append(len(pictures))
                pictures.append(Picture(memoryview(part.base64), part.param))
            case MediaFile():  # the catalogue says that it takes none
                raise UnsupportedModality("This model takes pictures only.", param=part.param)
    return Speech(turn.role, "\n".join(texts), places)


async def _batches(outcome: Outcome) -> AsyncGenerator[Batch, None]:
    words = [TextDelta(word) for word in _words(outcome.text)]
    for place in range(0, len(words), _WORDS_AT_ONCE):
        yield tuple(words[place : place + _WORDS_AT_ONCE])
    yield (
        Finished(outcome.finish),
        TokensUsed(prompt=outcome.prompt_tokens, completion=outcome.completion_tokens),
    )


def _words(text: str) -> Iterator[str]:
    return (match.group() for match in _WORD.finditer(text))
