"""Presets: what is known of servers that many people run, as rows of data (`presets.toml`).

`preset = "ollama"` in a row of `[[providers]]` fills in what the row leaves out, and what the
server can look at in each of its models. The row's own keys win.
"""

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, TypeAlias, TypeGuard

import msgspec

Table: TypeAlias = dict[str, Any]


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a row and its models get."""

    provider: Table = {}
    options: Table = {}
    vision: Table = {}


def presets() -> Mapping[str, Preset]:
    """All of them by name."""
    text = resources.files("visus.models").joinpath("presets.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=dict[str, Preset])


def fill(configuration: Table) -> Iterator[str]:
    """Fills in a decoded configuration in place; yields what is wrong, with its place."""
    known: Mapping[str, Preset] = {}
    by_provider: dict[object, Preset] = {}
    for number, row in enumerate(_tables(configuration.get("providers"))):
        name = row.get("preset")
        if name is None:
            continue
        known = known or presets()
        preset = known.get(name) if isinstance(name, str) else None
        if preset is None:
            reason = f"there is no preset {name!r}; known: {', '.join(sorted(known))}"
            yield f"{reason} - at `$.providers[{number}].preset`"
            continue
        by_provider[row.get("name")] = preset
        _fill_row(row, preset)
    for model in _tables(configuration.get("models")):
        preset = by_provider.get(model.get("provider"))
        if preset is not None and _is_table(model.setdefault("vision", {})):
            model["vision"] = preset.vision | model["vision"]


def _fill_row(row: Table, preset: Preset) -> None:
    row.setdefault("dialect", "openai")
    if "base_url_env" in row:
        row.setdefault("base_url", None)
    for key, value in preset.provider.items():
        row.setdefault(key, value)
    options = row.setdefault("options", {})
    if _is_table(options):
        row["options"] = preset.options | options


def _tables(value: object) -> Iterator[Table]:
    """The tables of an array; anything else is reported when the settings are read."""
    if _is_list(value):
        yield from (one for one in value if _is_table(one))


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_table(value: object) -> TypeGuard[Table]:
    return isinstance(value, dict)
