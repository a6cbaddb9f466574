"""What goes to the worker and what comes back: one job, one reply, as MessagePack."""

from typing import Literal, TypeAlias

import msgspec

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason: TypeAlias = Literal["stop", "length"]


class Picture(msgspec.Struct, frozen=True, array_like=True):
    """A picture file in base64, and where it stood in the request."""

    base64: memoryview
    """ASCII; a view of the job's own bytes once decoded, so that nothing is copied twice."""
    param: str


class Speech(msgspec.Struct, frozen=True, array_like=True):
    """One turn: its text, and its pictures by their place in `Job.pictures`."""

    role: Role
    text: str
    pictures: list[int] = []


class Job(msgspec.Struct, frozen=True, array_like=True):
    """One question with all that came before it."""

    turns: list[Speech]
    pictures: list[Picture]
    max_tokens: int | None = None
    stop: list[str] = []
    json_object: bool = False
    schema: bytes | None = None
    """A JSON schema that the answer has to fit, unread."""


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The answer, cut to what was allowed, and what it counts."""

    text: str
    finish: FinishReason
    prompt_tokens: int
    completion_tokens: int
