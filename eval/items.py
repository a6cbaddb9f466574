"""One question about one or more pictures, and the `questions.jsonl` that keeps them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

Rule: TypeAlias = Literal["extract", "transcript", "exact", "photo"]
"""How the reply is marked; `marker` says what each means."""

QUESTIONS_FILE: Final = "questions.jsonl"


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question with its accepted answers. The first five fields are the public format."""

    file: str = ""
    files: list[str] = []
    question: str
    answers: list[str] = []
    answerable: bool = True
    id: str = ""
    part: str = "set"
    """Which table of the report it belongs to."""
    group: str = ""
    """A row of that table: the kind of document, the damage done to it, the layout."""
    rule: Rule = "extract"
    text: str | None = None
    """All that is printed in the pictures; without it invented values cannot be told."""
    values: list[str] = []
    """What a reply to an unanswerable question must not offer instead."""
    wrong: list[str] = []
    """Names that would be wrong for this picture, unless hedged (rule `photo`)."""
    before: list[str] = []
    """Questions of earlier turns; the pictures go with the first."""

    @property
    def pictures(self) -> list[str]:
        """File names, relative to the folder of the set, in the order they are shown."""
        return self.files or [self.file]


class BrokenSet(Exception):
    """A folder that cannot be marked; the text says why."""


def load(folder: Path) -> list[Item]:
    """The questions of a set, with ids filled in.

    Raises:
        BrokenSet: no questions, a line that is not a question, or a picture that is not there.
    """
    source = folder / QUESTIONS_FILE
    if not source.is_file():
        raise BrokenSet(f"{source} is not there")
    lines = source.read_text(encoding="utf-8").splitlines()
    items = [
        _parsed(line, number, source) for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not items:
        raise BrokenSet(f"{source} holds no question")
    for item in items:
        for picture in item.pictures:
            if not (folder / picture).is_file():
                raise BrokenSet(f"{item.id}: {folder / picture} is not there")
    return items


def _parsed(line: str, number: int, source: Path) -> Item:
    try:
        record: dict[str, Any] = json.loads(line)
        item = msgspec.convert(record, Item)
    except (ValueError, msgspec.ValidationError) as fault:
        raise BrokenSet(f"{source}:{number}: {fault}") from fault
    if item.answerable and not item.answers and item.rule != "transcript":
        raise BrokenSet(f"{source}:{number}: answerable, but no answer is given")
    return item if item.id else msgspec.structs.replace(item, id=f"q{number:03d}")


def save(items: Iterable[Item], folder: Path) -> None:
    """Write `questions.jsonl`, so that the material can be marked again as a set."""
    encoder = msgspec.json.Encoder()
    lines = b"\n".join(encoder.encode(item) for item in items) + b"\n"
    (folder / QUESTIONS_FILE).write_bytes(lines)
