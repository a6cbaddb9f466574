"""The verdicts of Azure's content filter, in the fields that its clients know.

The verdicts are passed on; words that come with them are not. Kept of each category are truth
values, single words such as `safe` or `high`, and where a protected text was found its source.
"""

import re
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

from visus.core.events import AnswerModeration, PromptModeration

_NAME: Final = re.compile(r"[a-z_]{1,64}")
_WORD: Final = re.compile(r"[A-Za-z_]{1,40}")
_URL: Final = re.compile(r"https?://[\x21-\x7e]{1,2000}")
_LICENCE: Final = re.compile(r"[\w .()+-]{1,100}")


class Citation(msgspec.Struct, omit_defaults=True):
    """Where a protected text is from."""

    url: str | None = msgspec.field(default=None, name="URL")
    license: str | None = None


class Category(msgspec.Struct, omit_defaults=True):
    """What the filter thinks in one respect: `hate`, `violence`, `jailbreak`, and others."""

    filtered: bool | None = None
    detected: bool | None = None
    severity: str | None = None
    code: str | None = None
    citation: Citation | None = None


Categories: TypeAlias = dict[str, Category]


class OfPrompt(msgspec.Struct):
    """An entry of `prompt_filter_results`."""

    prompt_index: int = 0
    content_filter_results: dict[str, Raw] = {}


class Offsets(msgspec.Struct):
    """Which characters of the answer a late verdict is about."""

    check_offset: int = 0
    start_offset: int = 0
    end_offset: int = 0


_encode: Final = msgspec.json.Encoder().encode
_categories: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_category: Final = msgspec.json.Decoder(Category).decode
_of_prompt: Final = msgspec.json.Decoder(list[OfPrompt]).decode
_offsets: Final = msgspec.json.Decoder(Offsets).decode


def of_prompt(told: Raw) -> PromptModeration | None:
    """The event for `prompt_filter_results`; None where nothing can be read."""
    try:
        entries = _of_prompt(told)
    except msgspec.DecodeError:
        return None
    results = [
        {
            "prompt_index": entry.prompt_index,
            "content_filter_results": _cleaned(entry.content_filter_results),
        }
        for entry in entries
    ]
    return PromptModeration(_encode(results)) if results else None


def of_answer(
    results: Raw, offsets: Raw, choice: int, *, is_of_last: bool
) -> AnswerModeration | None:
    """The event for a choice's `content_filter_results`; None where they say nothing."""
    categories = _read(results)
    if not categories:
        return None
    fields: dict[str, object] = {"content_filter_results": categories}
    with suppress(msgspec.DecodeError):  # only verdicts that come late tell their place
        fields["content_filter_offsets"] = _offsets(offsets)
    return AnswerModeration(_encode(fields), choice, is_of_last)


def reasons(results: Raw) -> str:
    """Why a prompt was refused: `violence (high), jailbreak`; empty where that is not said."""
    found = [
        f"{name} ({category.severity})" if category.severity else name
        for name, category in _read(results).items()
        if category.filtered
    ]
    return ", ".join(found)


def _read(results: Raw) -> Categories:
    try:
        return _cleaned(_categories(results))
    except msgspec.DecodeError:
        return {}


def _cleaned(results: dict[str, Raw]) -> Categories:
    return {
        name: category
        for name, told in results.items()
        if _NAME.fullmatch(name) and (category := _one(told)) is not None
    }


def _one(told: Raw) -> Category | None:
    try:
        category = _category(told)
    except msgspec.DecodeError:
        return None
    source = category.citation
    if source is not None:
        source = Citation(_matching(_URL, source.url), _matching(_LICENCE, source.license))
    return Category(
        category.filtered,
        category.detected,
        _matching(_WORD, category.severity),
        _matching(_WORD, category.code),
        source,
    )


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text is not None and pattern.fullmatch(text) else None
