"""The models that `visus pull` knows by name: rows of `presets.toml`."""

from collections.abc import Mapping
from importlib import resources

import msgspec


class PresetFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of a model."""

    file: str
    bytes: int
    sha256: str


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model on the hub, at one revision that does not change."""

    name: str
    display_name: str
    repository: str
    revision: str
    license: str
    max_pixels: int
    weights: PresetFile
    projector: PresetFile

    def url(self, hub: str, file: PresetFile) -> str:
        """Where a file of it is."""
        return f"{hub.rstrip('/')}/{self.repository}/resolve/{self.revision}/{file.file}"


class _Presets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    presets: tuple[Preset, ...]


def presets() -> Mapping[str, Preset]:
    """All of them, by name."""
    text = resources.files("visus.local.gguf").joinpath("presets.toml").read_text("utf-8")
    found = msgspec.toml.decode(text, type=_Presets)
    return {one.name: one for one in found.presets}
