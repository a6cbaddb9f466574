"""`visus pull`: downloads a model to this machine."""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import anyio
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from visus.cli import FAILED, USAGE
from visus.cli.configured import configuration
from visus.config import Configuration
from visus.local.gguf import shelf
from visus.local.gguf.header import HeaderRefused, read_header
from visus.local.gguf.presets import Preset, PresetFile, presets
from visus.local.gguf.shelf import Pulled, PulledFile
from visus.providers.hub import PullFailed, Terms, Wanted, pull

_DIGEST: Final = re.compile(r"[0-9a-fA-F]{64}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGESTS: Final = "digests.json"
"""What was trusted on its first use, by URL; it outlives the models."""


def run(options: argparse.Namespace) -> int:
    """Pulls a preset, or the files at one or two URLs."""
    chosen = configuration(options)
    folder = Path(chosen.settings.gguf.dir).absolute()
    try:
        model, files = _wanted(options, chosen, folder)
    except ValueError as fault:
        print(f"visus pull: {fault}", file=sys.stderr)
        return USAGE
    try:
        got = _pulled(chosen, folder / model.name, files)
    except (PullFailed, HeaderRefused, OSError) as fault:
        print(f"visus pull: {fault}", file=sys.stderr)
        return FAILED
    weights, *projectors = got
    projector = projectors[0] if projectors else None
    shelf.note(folder, _with(model, weights, projector))
    print(f"{model.name} is there. A server that is started, or told by SIGHUP, lists it.")
    return 0


def _with(model: Pulled, weights: PulledFile, projector: PulledFile | None) -> Pulled:
    return Pulled(
        name=model.name,
        weights=weights,
        projector=projector,
        display_name=model.display_name,
        license=model.license,
        max_pixels=model.max_pixels,
    )


def _wanted(
    options: argparse.Namespace, chosen: Configuration, folder: Path
) -> tuple[Pulled, list[PulledFile]]:
    """The model, and its files as far as they are known."""
    if "://" not in options.model:
        known = presets()
        if options.model not in known:
            names = ", ".join(known)
            raise ValueError(f"there is no preset {options.model!r}; there are {names}")
        for option in ("sha256", "projector", "projector_sha256", "name"):
            if getattr(options, option) is not None:  # argparse's namespace
                name = option.replace("_", "-")
                raise ValueError(f"--{name} belongs to an address: a preset has its own")
        return _of_preset(known[options.model], chosen.settings.gguf.hub_url)
    trusted = _trusted(folder)
    given = [(options.model, options.sha256)]
    if options.projector_sha256 and not options.projector:
        raise ValueError("--projector-sha256 belongs to a --projector")
    if options.projector:
        given.append((options.projector, options.projector_sha256))
    files = [_of_url(url, digest or trusted.get(url)) for url, digest in given]
    name = options.name or files[0].file.removesuffix(".gguf").lower()
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: letters, digits, dots and dashes; see --name")
    if len({file.file for file in files}) != len(files):
        raise ValueError("both files have the same name")
    return Pulled(name=name, weights=files[0]), files


def _of_preset(preset: Preset, hub: str) -> tuple[Pulled, list[PulledFile]]:
    def file(one: PresetFile) -> PulledFile:
        return PulledFile(
            file=one.file, url=preset.url(hub, one), bytes=one.bytes, sha256=one.sha256
        )

    weights, projector = file(preset.weights), file(preset.projector)
    model = Pulled(
        name=preset.name,
        weights=weights,
        display_name=preset.display_name,
        license=preset.license,
        max_pixels=preset.max_pixels,
    )
    return model, [weights, projector]


def _of_url(url: str, digest: str | None) -> PulledFile:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError(f"{url!r} is not an http or https address")
    if digest and not _DIGEST.fullmatch(digest):
        raise ValueError("a SHA-256 has 64 hexadecimal digits")
    name = Path(unquote(urlsplit(url).path)).name
    if not _NAME.fullmatch(name) or not name.endswith(".gguf"):
        raise ValueError(f"{url!r} does not end in the name of a .gguf file")
    return PulledFile(file=name, url=url, bytes=0, sha256=digest or "")


def _pulled(chosen: Configuration, to: Path, files: list[PulledFile]) -> list[PulledFile]:
    to.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        got = [_one(chosen, to, file, progress) for file in files]
    for file in got:
        read_header(to / file.file)
    for file, asked in zip(got, files, strict=True):
        if not asked.sha256:
            _trust(to.parent, file)
    return got


def _one(chosen: Configuration, to: Path, file: PulledFile, progress: Progress) -> PulledFile:
    task = progress.add_task(file.file, total=file.bytes or None)

    def told(there: int, size: int | None) -> None:
        progress.update(task, completed=there, total=size)

    path = to / file.file
    if path.exists():
        path.replace(path.with_name(f"{path.name}.part"))  # to be checked like any other
    got = anyio.run(_pull, chosen, file, path, told)
    return PulledFile(file=file.file, url=file.url, bytes=got[0], sha256=got[1])


async def _pull(
    chosen: Configuration,
    file: PulledFile,
    path: Path,
    told: Callable[[int, int | None], None],
) -> tuple[int, str]:
    got = await pull(
        Wanted(file.url, file.sha256 or None, file.bytes or None),
        path,
        Terms(
            told=told,
            timeout_s=chosen.settings.gguf.pull_timeout_s,
            ca_file=chosen.settings.upstream.ca_file,
        ),
    )
    return got.bytes, got.sha256


def _progress() -> Progress:
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    name = TextColumn("{task.description}")
    return Progress(name, *columns, console=Console(stderr=True))


def _trusted(folder: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((folder / _DIGESTS).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _trust(folder: Path, file: PulledFile) -> None:
    """Stores a digest that was not given: from now on the file must have it."""
    known = _trusted(folder) | {file.url: file.sha256}
    draft = folder / f"{_DIGESTS}.new"
    draft.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
    draft.replace(folder / _DIGESTS)
    print(
        f"{file.file}: its SHA-256 is {file.sha256}; from now on it has to be", file=sys.stderr
    )
