"""Text in the place of media, for a model that takes text alone.

Media of earlier turns never prevent an answer: a note takes their place. Every replacement is
recorded in `Prompt.in_words`.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import structs

from visus.core.question import (
    Document,
    InWords,
    MediaKind,
    MediaReference,
    Question,
    QuestionPart,
    Text,
    Turn,
    Video,
)

Replace: TypeAlias = Callable[[MediaReference], tuple[str, str]]
"""The text in the place of a medium, and how it was made."""


def begin_of_current(turns: Sequence[Turn]) -> int:
    """The index at which the turn that is being answered begins.

    It is the last user turn, with everything before it back to the last assistant turn.
    """
    users = [index for index, turn in enumerate(turns) if turn.role == "user"]
    begin = users[-1] if users else 0
    while begin and turns[begin - 1].role != "assistant":
        begin -= 1
    return begin


def noted(question: Question) -> Question:
    """The question with a note in the place of each medium of an earlier turn."""
    end = begin_of_current(question.turns)
    earlier = question.turns[:end]
    if all(isinstance(part, Text) for turn in earlier for part in turn.parts):
        return question
    return in_words(
        question,
        lambda medium: (
            f"[{noun(medium)} from an earlier turn: not shown to this model]",
            "not shown",
        ),
        end=end,
    )


def in_words(
    question: Question, replace: Replace, *, begin: int = 0, end: int | None = None
) -> Question:
    """The question with text in the place of the media of some turns, and a note of it."""
    told = list(question.in_words)

    def words(part: QuestionPart) -> QuestionPart:
        if isinstance(part, Text):
            return part
        text, how = replace(part)
        told.append(InWords(part.param[: part.param.rindex("]") + 1], _kind(part), how))
        return Text(text)

    turns = [
        structs.replace(turn, parts=[words(part) for part in turn.parts])
        if begin <= index < (len(question.turns) if end is None else end)
        else turn
        for index, turn in enumerate(question.turns)
    ]
    return structs.replace(question, turns=turns, in_words=told)


def _kind(medium: MediaReference) -> MediaKind:
    match medium:
        case Video():
            return "video"
        case Document():
            return "file"
        case _:
            return "image"


def noun(medium: MediaReference) -> str:
    """The word for it in notes: picture, video or document."""
    return {"image": "picture", "video": "video", "file": "document"}[_kind(medium)]
