"""From a prompt to the body of `generateContent`.

The API knows two speakers, `user` and `model`; instructions stand apart from both, and the
results of one round of calls are one turn of the user, in the order of the calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from visus.core import call_ids
from visus.core.prompt import (
    Image,
    MediaFile,
    Prompt,
    PromptPart,
    PromptTurn,
    Sampling,
    SentMedia,
)
from visus.core.question import Text, ToolCall
from visus.errors import InvalidValue, UnsupportedModality
from visus.providers.gemini_options import Thinking, generation_config, tools
from visus.providers.splicing import Pieces, spliced
from visus.providers.transport import Body

MAX_FPS: Final = 24
"""Frames of a video for each second that the API looks at, at most."""

Part: TypeAlias = dict[str, object]


class Content(msgspec.Struct):
    """What one of the two said at a time."""

    role: Literal["user", "model"]
    parts: list[Part]


_object: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_MEDIA_TYPES: Final[Mapping[str, str]] = {"video/quicktime": "video/mov"}
"""Where the API has a name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How the models of one row are spoken to."""

    thinking: Thinking
    foreign_signature: str | None
    """Stands for the signature of a call that no model of this API made; None: nothing does."""


def request_body(
    prompt: Prompt, mark: str, spelling: Spelling, uris: Mapping[str, str]
) -> Body:
    """The prompt in the Gemini dialect, media as views of what the caller sent.

    Args:
        prompt: what is asked.
        mark: stands for each medium until the JSON is written; see `splicing`.
        spelling: what differs between models.
        uris: media that were uploaded before, by `param`; all others travel inside.

    Raises:
        InvalidValue: a conversation or a value that the API would not take.
        UnsupportedModality: a picture among the instructions.
        UnsupportedParameter: an option that it does not know.
    """
    talk = _Talk(mark, spelling.foreign_signature, uris)
    for turn in prompt.turns:
        talk.add(turn)
    request: dict[str, object] = {"contents": talk.contents()}
    if talk.instructions and talk.said:
        request["systemInstruction"] = {"parts": talk.instructions}
    request |= tools(prompt.options)
    config = generation_config(prompt.options, spelling.thinking) | _resolution(prompt)
    if config:
        request["generationConfig"] = config
    return spliced(request, mark, talk.media)


@dataclass(slots=True)
class _Talk:
    """The turns so far."""

    mark: str
    foreign_signature: str | None
    uris: Mapping[str, str]
    instructions: list[Part] = field(default_factory=list[Part])
    said: list[Content] = field(default_factory=list[Content])
    """In order."""
    media: list[Pieces] = field(default_factory=list[Pieces])
    _open: dict[str, Part | None] = field(default_factory=dict[str, Part | None])
    """The calls of the last round and their results, in the order of the calls."""
    _names: dict[str, str] = field(default_factory=dict[str, str])
    """Of every call so far, by its id."""

    def add(self, turn: PromptTurn) -> None:
        """One more turn."""
        if turn.role == "tool":
            self._add_result(turn)
            return
        self._close_round()
        match turn.role:
            case "system" | "developer":
                self.instructions += [_instruction(part) for part in turn.parts if _says(part)]
            case "user":
                self._say("user", self._parts(turn.parts))
            case "assistant":
                self._add_answer(turn)

    def contents(self) -> list[Content]:
        """Everything that was said; instructions alone are said by the user.

        Raises:
            InvalidValue: nothing was.
        """
        self._close_round()
        if self.said:
            return self.said
        if self.instructions:
            return [Content("user", self.instructions)]
        raise InvalidValue("The messages hold no text and no picture.", param="messages")

    # --- What the model said -----------------------------------------------------------------

    def _add_answer(self, turn: PromptTurn) -> None:
        parts = self._parts(turn.parts)
        for index, call in enumerate(turn.tool_calls):
            carried = _carried(call)
            if carried.text_signature is not None and not index:
                self._sign_text(parts, carried.text_signature)
            parts.append(self._call(call, carried, is_first=not index))
            self._open[call.call_id] = None
            self._names[call.call_id] = call.name
        if self.said and self.said[-1].role == "model":  # it never speaks twice in a row
            parts = [*self.said.pop().parts, *parts]
        self._say("model", parts)

    def _call(self, call: ToolCall, carried: call_ids.Carried, *, is_first: bool) -> Part:
        made: dict[str, object] = {"name": call.name, "args": _arguments(call)}
        if carried.own_id is not None:
            made["id"] = carried.own_id
        part: Part = {"functionCall": made}
        signature = carried.signature
        if signature is None and is_first and carried.text_signature is None:
            signature = self.foreign_signature
        if signature is not None:
            part["thoughtSignature"] = signature
        return part

    def _sign_text(self, parts: list[Part], signature: str) -> None:
        """The signature of a text stands beside the last of it, or beside an empty one."""
        if not parts or "text" not in parts[-1]:
            parts.append({"text": ""})
        parts[-1]["thoughtSignature"] = signature

    # --- What its calls gave -----------------------------------------------------------------

    def _add_result(self, turn: PromptTurn) -> None:
        call_id = turn.tool_call_id or ""
        if self._open.get(call_id, turn) is not None:
            message = "A tool result answers no call of the message before, or one twice."
            raise InvalidValue(message, param="messages")
        texts = [part.text for part in turn.parts if isinstance(part, Text)]
        result: dict[str, object] = {
            "name": self._names[call_id],
            "response": _result("\n".join(texts)),
        }
        own_id = call_ids.carried(call_id).own_id
        if own_id is not None:
            result["id"] = own_id
        shown = [self._part(part) for part in turn.parts if not isinstance(part, Text)]
        if shown:
            result["parts"] = shown
        self._open[call_id] = {"functionResponse": result}

    def _close_round(self) -> None:
        """Says what the calls gave, all at once."""
        if not self._open:
            return
        results = [one for one in self._open.values() if one is not None]
        if len(results) != len(self._open):
            message = "Every call of a round needs its result before anything else is said."
            raise InvalidValue(message, param="messages")
        self._open = {}
        self._say("user", results)

    # --- Parts -------------------------------------------------------------------------------

    def _say(self, role: Literal["user", "model"], parts: list[Part]) -> None:
        """Nothing is said in an empty turn, which the API would refuse."""
        if parts:
            self.said.append(Content(role, parts))

    def _parts(self, parts: Sequence[PromptPart]) -> list[Part]:
        return [self._part(part) for part in parts if _says(part)]

    def _part(self, part: PromptPart) -> Part:
        if isinstance(part, Text):
            return {"text": part.text}
        kind = media_type(part)
        uri = self.uris.get(part.param)
        if uri is not None:
            found: Part = {"fileData": {"mimeType": kind, "fileUri": uri}}
        else:
            self.media.append((part.base64,))
            found = {"inlineData": {"mimeType": kind, "data": self.mark}}
        if isinstance(part, MediaFile) and part.sampling != Sampling():
            found["videoMetadata"] = _sampling(part)
        return found


def media_type(medium: SentMedia) -> str:
    """What the API calls a file of that type."""
    return _MEDIA_TYPES.get(medium.media_type, medium.media_type)


def _says(part: PromptPart) -> bool:
    """Whether there is anything to it: the API takes no empty text."""
    return not isinstance(part, Text) or bool(part.text)


def _instruction(part: PromptPart) -> Part:
    if isinstance(part, Text):
        return {"text": part.text}
    message = "This model takes no pictures among its instructions."
    raise UnsupportedModality(message, param=part.param)


def _carried(call: ToolCall) -> call_ids.Carried:
    try:
        return call_ids.carried(call.call_id)
    except ValueError as fault:
        message = "The id of a tool call was changed since it was given out."
        raise InvalidValue(message, param="messages") from fault


def _arguments(call: ToolCall) -> Raw | dict[str, object]:
    if not call.arguments.strip():
        return {}
    try:
        _object(call.arguments)
    except (msgspec.DecodeError, RecursionError) as fault:
        message = "This model takes back a call only with arguments that are a JSON object."
        raise InvalidValue(message, param="messages") from fault
    return Raw(call.arguments.encode())


def _result(text: str) -> Raw | dict[str, object]:
    """What the API wants is an object; anything else becomes one."""
    if text.lstrip()[:1] == "{":
        try:
            _object(text)
        except (msgspec.DecodeError, RecursionError):
            pass
        else:
            return Raw(text.encode())
    return {"output": text}


def _sampling(video: MediaFile) -> dict[str, object]:
    wishes = video.sampling
    if wishes.fps is not None and wishes.fps > MAX_FPS:
        where = video.param.rpartition(".")[0]
        message = f"This model looks at {MAX_FPS} frames a second at most."
        raise InvalidValue(message, param=f"{where}.fps")
    named: dict[str, object | None] = {
        "fps": wishes.fps,
        "startOffset": _seconds(wishes.start_s),
        "endOffset": _seconds(wishes.end_s),
    }
    return {name: value for name, value in named.items() if value is not None}


def _seconds(time_s: float | None) -> str | None:
    """A duration as JSON of protocol buffers has it: at most nine decimals, no exponent."""
    return None if time_s is None else f"{time_s:.9f}".rstrip("0").rstrip(".") + "s"


def _resolution(prompt: Prompt) -> dict[str, object]:
    """A request has one resolution: that of its pictures, where they agree."""
    details = {
        part.detail for turn in prompt.turns for part in turn.parts if isinstance(part, Image)
    }
    if len(details) != 1 or (detail := details.pop()) == "auto":
        return {}
    return {"mediaResolution": f"MEDIA_RESOLUTION_{detail.upper()}"}
