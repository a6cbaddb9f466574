"""What an answer is made of.

Providers yield *batches*: the tuple of events that arrived in one read. A burst of 256 words is
a handful of batches, and the cost of a suspended task is paid for each batch, not for each word
(docs/decisions/0004-events-travel-in-batches.md). Named tuples, because a frozen dataclass
costs four times as much to make.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import repeat
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.errors import UpstreamInvalidOutput

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


class TextDelta(NamedTuple):
    """More of the answer's text."""

    text: str
    choice: int = 0


class ReasoningDelta(NamedTuple):
    """More of what the model thought before it answered."""

    text: str
    choice: int = 0


class RefusalDelta(NamedTuple):
    """More of the model's refusal."""

    text: str
    choice: int = 0


class ToolCallDelta(NamedTuple):
    """A call begins (`call_id` and `name` are set) or its arguments go on."""

    place: int
    """Which call of the answer it is, from 0."""
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0


class LogprobsDelta(NamedTuple):
    """Log probabilities of the tokens beside it: one JSON object, carried unread."""

    logprobs: bytes
    choice: int = 0


class PromptModeration(NamedTuple):
    """What a content filter thinks of the prompt: `prompt_filter_results`, a JSON array."""

    results: bytes


class AnswerModeration(NamedTuple):
    """What a content filter thinks of a choice: fields of it, a JSON object."""

    fields: bytes
    choice: int = 0
    is_of_last: bool = True
    """Whether it came together with the event before it, or later and by itself."""


class Preamble(NamedTuple):
    """What the model's server says besides its answer; before everything else, if at all."""

    limits: Mapping[str, str]
    """Of our own limits there: `x-ratelimit-…`."""
    answered_as: str | None = None
    """The model that it says it asked, where that is another than we named."""


class Finished(NamedTuple):
    """A choice is complete."""

    reason: FinishReason
    choice: int = 0


class TokensUsed(NamedTuple):
    """What the answer cost, as the model's server counted it. The last report wins."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0
    answers: int = 1
    """Of how many answers this is the sum: more than one where the first had a wrong form."""
    of_text: int = 0
    """Of the prompt's tokens those that stand for text, where the server tells them apart; and
    so on. All are 0 where it does not."""
    of_images: int = 0
    of_videos: int = 0
    of_sound: int = 0
    of_documents: int = 0


MOST_TOKENS: Final = 1_000_000_000
"""The most tokens of one kind in one answer; a report of more is not credible."""


def plausible(used: TokensUsed) -> TokensUsed | None:
    """The usage that a model's server reported, or None where it is not credible.

    Costs and limits are computed from it, so a negative or absurdly large number must not pass.
    """
    return used if min(used) >= 0 and max(used) <= MOST_TOKENS else None


class Unusable(UpstreamInvalidOutput):
    """No answer matches the schema; they have to be paid for all the same."""

    used: TokensUsed | None = None
    """As the model's server counted it; None where it did not."""
    answers: int = 1
    """How many there were."""
    heard_bytes: int = 0
    """Of their texts together."""


class BoxesConverted(NamedTuple):
    """How many boxes of the answer were converted, where the caller asked for pixels."""

    converted: int
    """Boxes and points that are in pixels now."""
    left: int
    """Those that could not be, and are as the model wrote them."""
    paths: Sequence[str]
    """The pictures that they are in, which are all of one size: `messages[0].content[1]`."""
    width_px: int | None
    """Of the picture as it is shown; None without one."""
    height_px: int | None


Event: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | LogprobsDelta
    | PromptModeration
    | AnswerModeration
    | Preamble
    | Finished
    | TokensUsed
    | BoxesConverted
)
Batch: TypeAlias = tuple[Event, ...]
Answer: TypeAlias = AbstractAsyncContextManager[AsyncIterator[Batch]]
"""Entering opens the answer, leaving closes whatever produces it."""


def text_deltas(texts: Iterable[str], choice: int) -> Iterator[TextDelta]:
    """`TextDelta(text, choice)` for each text, without a call of Python for each."""
    make = partial(tuple.__new__, TextDelta)  # pyright: ignore[reportUnknownMemberType] -- of a tuple of anything
    return map(make, zip(texts, repeat(choice), strict=False))


def said_bytes(events: Iterable[Event]) -> int:
    """UTF-8 bytes of all that a model wrote: text, thoughts, refusals and tool calls.

    What an answer costs is estimated from it where the model's server reported no usage.
    """
    said = 0
    for event in events:
        match event:
            case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
                said += len(text.encode())
            case ToolCallDelta(name=name, arguments=arguments):
                said += len((name or "").encode()) + len(arguments.encode())
            case _:
                pass
    return said
