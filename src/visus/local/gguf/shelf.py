"""The models that were pulled: a folder for each, with its files and a note of what they are.

The note, `model.json`, is written last: a folder without one is a download that has not ended.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from visus.models.catalogue import ModelRow, Price, Vision

PROVIDER: Final = "gguf"
"""The row of the catalogue that runs them."""
DIALECT: Final = "gguf"
"""Of a provider whose models are run here."""
FORMATS: Final = ("image/jpeg", "image/png")
"""Pictures that llama.cpp reads and our pipeline makes."""
_NOTE: Final = "model.json"


class PulledFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of a model, as it was checked when it came."""

    file: str
    url: str
    bytes: int
    sha256: str


class Pulled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model on the shelf."""

    name: str
    weights: PulledFile
    projector: PulledFile | None = None
    display_name: str | None = None
    license: str | None = None
    max_pixels: int | None = None

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return self.weights.bytes + (self.projector.bytes if self.projector else 0)

    def row(self, shelf: Path) -> ModelRow:
        """The model for the catalogue."""
        folder = shelf / self.name
        return as_run(
            ModelRow(
                id=self.name,
                provider=PROVIDER,
                display_name=self.display_name,
                license=self.license,
                path=str(folder / self.weights.file),
                projector=str(folder / self.projector.file) if self.projector else None,
                vision=Vision(max_pixels=self.max_pixels),
                price=Price(input_micros=0, output_micros=0),
            )
        )


def pulled(shelf: Path) -> Iterator[Pulled]:
    """Every model on the shelf, by name.

    Raises:
        ValueError: a note cannot be read; the text names it.
    """
    for note in sorted(shelf.glob(f"*/{_NOTE}")):
        try:
            yield msgspec.json.decode(note.read_bytes(), type=Pulled)
        except (OSError, msgspec.MsgspecError) as fault:
            message = f"{note}: cannot be read ({fault}); pull the model again"
            raise ValueError(message) from fault


def note(shelf: Path, model: Pulled) -> None:
    """Writes down that the files of `model` are all there."""
    text = msgspec.json.format(msgspec.json.encode(model), indent=2)
    draft = shelf / model.name / f"{_NOTE}.new"
    draft.write_bytes(text + b"\n")
    draft.replace(shelf / model.name / _NOTE)


def forget(shelf: Path, name: str) -> int:
    """Removes a model, or a download that has not ended; how many bytes that freed.

    Raises:
        KeyError: there is none of that name.
    """
    folder = next((one for one in shelf.glob("*/") if one.name == name), None)
    if folder is None:
        raise KeyError(name)
    (folder / _NOTE).unlink(missing_ok=True)  # first, so that nobody takes the rest for whole
    freed = 0
    for file in folder.iterdir():
        freed += file.stat().st_size
        file.unlink()
    folder.rmdir()
    return freed


def as_run(row: ModelRow) -> ModelRow:
    """A row with what is true of every model that is run here."""
    if row.vision.formats == Vision().formats:
        vision = msgspec.structs.replace(row.vision, formats=FORMATS)
        row = msgspec.structs.replace(row, vision=vision)
    if row.projector is not None and row.input_modalities == ("text",):
        row = msgspec.structs.replace(row, input_modalities=("text", "image"))
    return row
