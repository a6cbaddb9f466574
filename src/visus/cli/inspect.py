"""`visus inspect`: what a model would see of files, and what they cost on every model."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from visus.cli import USAGE
from visus.cli.configured import configuration
from visus.cli.given import are_there, reference
from visus.config import Configuration
from visus.core.prompt import Image, MediaFile, PartReport, SentMedia
from visus.core.question import (
    Detail,
    InlineImage,
    LinkedImage,
    MediaReference,
    MediaWishes,
    Question,
    Turn,
)
from visus.errors import InvalidValue, ServiceError
from visus.flow.estimate import Cost, Estimated
from visus.media.sheet import Tile, sheet, tile_side_px
from visus.server.parts import all_parts
from visus.wire.chat import media_wishes
from visus.wire.shape_faults import shape_faults
from visus.wire.shapes import VisusOptions


def run(options: argparse.Namespace) -> int:
    """Writes the sheet of pictures and prints the tables."""
    chosen = configuration(options)
    if not are_there(options.files, command="inspect"):
        return USAGE
    references = [_detailed(reference(file), options.detail) for file in options.files]
    asked = Question(options.model, [Turn("user", references, "files")], media=_wishes(options))
    found, picture = anyio.run(_looked_at, chosen, asked, options.files)
    if picture:
        _write(options.out, picture)
    console = Console()
    console.print(_of_files(options.files, found.reports))
    console.print(_of_models(found))
    if picture:
        print(f"What {options.model} would see: {options.out}")
    else:
        print(f"{options.model} takes these files as they are: there is no picture to draw.")
    return 0


def _detailed(given: MediaReference, detail: Detail) -> MediaReference:
    if isinstance(given, InlineImage | LinkedImage):
        return replace(given, detail=detail)
    return given


def _wishes(options: argparse.Namespace) -> MediaWishes:
    """What the API takes in `visus`, by the same rules."""
    names = ("frames", "pages", "max_tokens_per_image")
    given = {name: getattr(options, name) for name in names}
    with shape_faults(VisusOptions):
        ours = msgspec.convert(given, VisusOptions)
    return media_wishes(ours)


async def _looked_at(
    chosen: Configuration, asked: Question, names: Sequence[str]
) -> tuple[Estimated, bytes]:
    async with all_parts(chosen, own_ports=frozenset()) as parts:
        others = [
            model_id
            for model_id, upstream in parts.upstreams.by_id.items()
            if upstream.model.sees is not None and model_id == upstream.model.id != asked.model
        ]
        found = await parts.estimates.estimate(asked, others)
        drawn = [  # there is nothing to draw of a file that the model gets itself
            [sent for sent in report.images if isinstance(sent, Image)]
            for report in found.reports
        ]
        side_px = tile_side_px(sum(map(len, drawn)))
        tiles: list[Tile] = []
        for name, images in zip(names, drawn, strict=True):
            for place, image in enumerate(images, 1):
                small = await parts.chat.media.thumbnail(image, side_px=side_px)
                of_many = f", {place} of {len(images)}" if len(images) > 1 else ""
                tiles.append(Tile(small, f"{Path(name).name}{of_many}\n{_size(image)}"))
        return found, sheet(tiles)


def _write(path: Path, picture: bytes) -> None:
    try:
        path.write_bytes(picture)
    except OSError as fault:
        raise InvalidValue(f"{path}: {fault.strerror}", param="--out") from fault


def _of_files(names: Sequence[str], reports: Sequence[PartReport]) -> Table:
    table = Table()
    for heading in ("file", "is", "has", "model sees", "what was done", "tokens"):
        table.add_column(heading, overflow="fold")
    for name, report in zip(names, reports, strict=True):
        sizes = dict.fromkeys(_size(one) for one in report.images)
        several = f"{len(report.images)} pictures, " if len(report.images) > 1 else ""
        frames = f", {report.frames_in} frames or pages" if report.frames_in > 1 else ""
        table.add_row(
            name,
            report.found,
            f"{report.width_in_px} x {report.height_in_px}{frames}, {report.bytes_in:,} bytes",
            several + ", ".join(sizes),
            ", ".join(report.steps) or "nothing",
            _number(report.tokens),
        )
    return table


def _size(sent: SentMedia) -> str:
    match sent:
        case Image():
            return f"{sent.width_px} x {sent.height_px}"
        case MediaFile():
            return "the file itself"


def _of_models(found: Estimated) -> Table:
    table = Table()
    for heading in ("model", "image tokens", "all tokens", "cost", "fits"):
        table.add_column(heading, overflow="fold")
    for model_id, cost in found.costs.items():
        if isinstance(cost, ServiceError):
            table.add_row(model_id, "", "", "", f"no: {cost.message}")
            continue
        tokens = _number(cost.image_tokens), _number(cost.tokens)
        table.add_row(model_id, *tokens, _money(cost), _fits(cost))
    return table


def _number(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"


def _money(cost: Cost) -> str:
    if cost.cost_micros is None:
        return "unknown"
    return f"{cost.cost_micros / 1_000_000:.6f} {cost.currency}"


def _fits(cost: Cost) -> str:
    if cost.fits_context is None:
        return "unknown"
    return "yes" if cost.fits_context else "no: longer than its context"
