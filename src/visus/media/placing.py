"""Moves pictures to other turns, where a server does not take them in every role.

A picture in a role that the server refuses moves into a following user turn, under a line that
says where it comes from; a line in its old place says where it went. Nothing may come between
the results of one round of tool calls, so the user turn follows the last of them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from visus.core import call_ids
from visus.core.prompt import Image, MediaFile, PromptPart, PromptTurn, SentMedia
from visus.core.question import Role, Text


class Placed(NamedTuple):
    """Turns that the server takes."""

    turns: Sequence[PromptTurn]
    moved: Collection[str]
    """The `param` of each picture that is not where it stood."""


def placed(turns: Sequence[PromptTurn], roles: Collection[Role]) -> Placed:
    """The turns with every picture in one of `roles`; `user` is always one of them."""
    if all(turn.role in roles or not _has_media(turn) for turn in turns):
        return Placed(turns, ())
    names = {call.call_id: call.name for turn in turns for call in turn.tool_calls}
    done: list[PromptTurn] = []
    waiting: list[PromptPart] = []
    moved: list[str] = []
    for turn in turns:
        if waiting and turn.role != "tool":
            if turn.role == "user":
                done.append(replace(turn, parts=[*waiting, *turn.parts]))
                waiting = []
                continue
            done.append(PromptTurn("user", waiting))
            waiting = []
        if turn.role in roles or not _has_media(turn):
            done.append(turn)
            continue
        waiting += _explained(turn, names)
        moved += [part.param for part in turn.parts if not isinstance(part, Text)]
        done.append(replace(turn, parts=_without_media(turn)))
    if waiting:
        done.append(PromptTurn("user", waiting))
    return Placed(done, frozenset(moved))


def _has_media(turn: PromptTurn) -> bool:
    return any(not isinstance(part, Text) for part in turn.parts)


def _explained(turn: PromptTurn, names: Mapping[str, str]) -> list[PromptPart]:
    """The pictures of a turn, each under a line that says where it comes from."""
    origin = f"the {turn.role} message"
    if turn.tool_call_id is not None:
        name = names.get(turn.tool_call_id, "a tool")
        origin = f"the result of {name} (tool call {call_ids.head(turn.tool_call_id)})"
    parts: list[PromptPart] = []
    for part in turn.parts:
        if not isinstance(part, Text):
            caption = f". {part.caption}" if isinstance(part, Image) and part.caption else ""
            parts += [Text(f"{_noun(part)} from {origin}{caption}:"), part]
    return parts


def _without_media(turn: PromptTurn) -> Sequence[PromptPart]:
    return [
        part if isinstance(part, Text) else Text(f"[{_noun(part)}: see the next user message.]")
        for part in turn.parts
    ]


def _noun(part: SentMedia) -> str:
    match part:
        case Image():
            return "Image"
        case MediaFile(media_type="application/pdf"):
            return "File"
        case MediaFile():
            return "Video"
