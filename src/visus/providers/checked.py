"""A provider that checks answers against a schema, where its server cannot guarantee it.

What the server does not know is asked for in words. The answer is held back until it is there
as a whole, and checked; a wrong one goes back to the model with what is wrong about it. An
answer that was cut short, refused, or that calls a tool has no form to be checked.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec.structs import replace

from visus.core.events import (
    Answer,
    AnswerModeration,
    Batch,
    Event,
    Finished,
    Preamble,
    RefusalDelta,
    TextDelta,
    TokensUsed,
    Unusable,
)
from visus.core.prompt import Prompt, PromptTurn
from visus.core.question import AnswerFormat, JsonObject, JsonSchema, Options, Text
from visus.errors import ServiceError
from visus.models.catalogue import StructuredOutput
from visus.providers.base import Provider

_FENCED: Final = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)


class Judge(Protocol):
    """Checks a text against a schema: `judging.SchemaJudge`."""

    async def prepare(self, wanted: AnswerFormat) -> None:
        """Refuses a form that no text could be checked against."""
        ...

    async def faults(self, text: str, wanted: AnswerFormat) -> "Faults":
        """What is wrong with the text; nothing where it has the form."""
        ...


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with one answer."""

    complaints: Sequence[str]
    """For the model: they may quote its answer."""
    kinds: Sequence[str]
    """For the log: they quote nothing."""

    def __bool__(self) -> bool:
        return bool(self.complaints)


def is_native(wanted: AnswerFormat, ability: StructuredOutput) -> bool:
    """Whether the server guarantees the schema itself."""
    return ability == "native" or (ability == "json-object" and isinstance(wanted, JsonObject))


def is_checked(options: Options, ability: StructuredOutput) -> bool:
    """Whether the answer's form is checked here."""
    if options.answer_format is None:
        return False
    if options.validate is None:
        return not is_native(options.answer_format, ability)
    return options.validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Puts the schema into the prompt where the server ignores it, and checks the answer."""

    inner: Provider
    ability: StructuredOutput
    judge: Judge
    max_repairs: int

    def open(self, prompt: Prompt) -> Answer:
        """See `Provider`. Costs nothing where no form is asked for."""
        wanted = prompt.options.answer_format
        if wanted is None:
            return self.inner.open(prompt)
        checked = is_checked(prompt.options, self.ability)
        if not is_native(wanted, self.ability):
            prompt = _in_words(prompt, wanted, self.ability)
        return self._checked(prompt, wanted) if checked else self.inner.open(prompt)

    @asynccontextmanager
    async def _checked(
        self, prompt: Prompt, wanted: AnswerFormat
    ) -> AsyncGenerator[AsyncIterator[Batch], None]:
        await self.judge.prepare(wanted)
        async with aclosing(self._answer(prompt, wanted)) as batches:
            yield batches

    async def _answer(
        self, prompt: Prompt, wanted: AnswerFormat
    ) -> AsyncGenerator[Batch, None]:
        """An answer of that form, in one batch; before it, in a stream, one without words.

        The first batch lets the stream begin, so that the client gets keep-alive comments.
        """
        answers: list[_Whole] = []
        faults, has_begun = _NONE, not prompt.streamed
        for repairs_left in range(self.max_repairs, -1, -1):
            whole = _Whole()
            answers.append(whole)
            try:
                async with self.inner.open(prompt) as batches:
                    async for batch in batches:
                        whole.add(batch)
                        if not has_begun:
                            has_begun = True
                            yield tuple(one for one in batch if isinstance(one, Preamble))
            except ServiceError as fault:
                if len(answers) == 1:
                    raise
                raise _unusable(answers, [*faults.kinds, fault.code]) from fault
            faults = await self._faults(whole, wanted)
            if not faults:
                yield (*whole.events, *_used(answers))
                return
            if repairs_left:
                prompt = _to_be_repaired(prompt, whole.text, faults)
        raise _unusable(answers, faults.kinds)

    async def _faults(self, whole: "_Whole", wanted: AnswerFormat) -> Faults:
        if not whole.is_complete:
            return _NONE
        if not is_native(wanted, self.ability) and (fenced := _FENCED.fullmatch(whole.text)):
            whole.rewrite(fenced[1])
        return await self.judge.faults(whole.text, wanted)


_NONE: Final = Faults((), ())


@dataclass(slots=True)
class _Whole:
    """One answer, gathered."""

    _pieces: list[Event] = field(default_factory=list[Event])
    _texts: list[str] = field(default_factory=list[str])
    used: list[TokensUsed] = field(default_factory=list[TokensUsed])
    """The last report of what it cost, if there was one."""

    def add(self, batch: Batch) -> None:
        """More of it."""
        for event in batch:
            match event:
                case TextDelta(text=text):
                    self._texts.append(text)
                case TokensUsed():
                    self.used = [event]
                case AnswerModeration():  # it may lose the event that it came with
                    self._pieces.append(event._replace(is_of_last=False))
                case _:
                    self._pieces.append(event)

    @property
    def text(self) -> str:
        """The text of the only choice."""
        return "".join(self._texts)

    def rewrite(self, text: str) -> None:
        """Puts `text` in the place of the text."""
        self._texts = [text]

    @property
    def is_complete(self) -> bool:
        """Whether the model wrote all that it wanted to, and did nothing else."""
        finished = [event.reason for event in self._pieces if isinstance(event, Finished)]
        return finished == ["stop"] and not any(
            isinstance(event, RefusalDelta) for event in self._pieces
        )

    @property
    def events(self) -> Sequence[Event]:
        """All of it but its cost: the text in front of its end, and behind everything else."""
        ends = [event for event in self._pieces if isinstance(event, Finished)]
        rest = [event for event in self._pieces if not isinstance(event, Finished)]
        return [*rest, *map(TextDelta, filter(None, self._texts)), *ends]


def _unusable(answers: Sequence[_Whole], kinds: Sequence[str]) -> Unusable:
    fault = Unusable(
        "The model's answer does not have the form that was asked for.",
        detail=", ".join(dict.fromkeys(kinds)),
    )
    fault.used = next(iter(_used(answers)), None)
    fault.answers = len(answers)
    fault.heard_bytes = sum(len(answer.text.encode()) for answer in answers)
    return fault


def _used(answers: Sequence[_Whole]) -> Sequence[TokensUsed]:
    """The usage of all answers together, as far as it was reported."""
    used = [report for answer in answers for report in answer.used]
    if len(used) < 2:  # noqa: PLR2004 -- nothing to add up
        return used
    return [TokensUsed(*map(sum, zip(*used, strict=True)))]


# --- Words -----------------------------------------------------------------------------------


def _in_words(prompt: Prompt, wanted: AnswerFormat, ability: StructuredOutput) -> Prompt:
    """The prompt with the schema at the end of the last user turn."""
    words = "Answer with JSON and nothing else: no words around it, no Markdown."
    sent = JsonObject() if ability == "json-object" else None
    return replace(
        prompt,
        turns=_with_words(prompt.turns, f"{words} {_told(wanted)}"),
        options=replace(prompt.options, answer_format=sent),
    )


def _told(wanted: AnswerFormat) -> str:
    match wanted:
        case JsonObject():
            return "It has to be one JSON object."
        case JsonSchema(name=name, schema=schema, description=description):
            about = f"It is a {name}: {description}\n" if description else ""
            text = schema.decode("utf-8", "replace")
            return f"{about}It has to be valid against this JSON Schema:\n{text}"


def _with_words(turns: Sequence[PromptTurn], words: str) -> Sequence[PromptTurn]:
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if turn.role != "user":
            continue
        match turn.parts:
            case [*before, Text(text)]:
                parts = [*before, Text(f"{text}\n\n{words}")]
            case parts:
                parts = [*parts, Text(words)]
        return [*turns[:index], replace(turn, parts=parts), *turns[index + 1 :]]
    return [*turns, PromptTurn("user", [Text(words)])]


def _to_be_repaired(prompt: Prompt, text: str, faults: Faults) -> Prompt:
    """The prompt with the wrong answer, and what is wrong about it."""
    wrong = "\n".join(f"* {complaint}" for complaint in faults.complaints)
    words = (
        f"This answer does not have the form that was asked for.\n{wrong}\n"
        "Answer once more, with the corrected JSON and nothing else."
    )
    said = [PromptTurn("assistant", [Text(text)])] if text else []
    return replace(prompt, turns=[*prompt.turns, *said, PromptTurn("user", [Text(words)])])
