"""`visus doctor`: what is ready, what is missing, and how to mend it."""

import argparse
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import anyio
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from visus.accounts.limiter import LimitsSettings
from visus.accounts.redis_address import redis_address
from visus.accounts.schema import StateRefused
from visus.cli.configured import configuration
from visus.config import Configuration
from visus.local.gguf.model import FilesUnusable, LocalModel, measure
from visus.local.settings import GgufSettings
from visus.media.pipeline import WORKER_ENTRY
from visus.models.catalogue import ModelRow
from visus.routing.built_in import EYES, LIBRARY
from visus.server.state import open_book
from visus.units import MIB
from visus.workers.faults import NoWorker
from visus.workers.pool import WorkerPool
from visus.workers.settings import WorkerSettings

START_DEADLINE_S: Final = 60.0
_REINSTALL: Final = "remove .venv and run 'make serve', which installs everything anew"
_LIBGOMP: Final = f"install the package libgomp1; if it is there, {_REINSTALL}"
_REASON_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    what: str
    state: Literal["ready", "not set up", "broken"]
    remark: str


def run(options: argparse.Namespace) -> int:
    """Prints what was found; 1 where something is broken."""
    chosen = configuration(options)
    findings = [
        *_storage(chosen),
        *anyio.run(_counter, chosen.settings.limits),
        *anyio.run(_workers, chosen),
        *anyio.run(_local, chosen),
        _authorities(),
        *_providers(chosen),
    ]
    colours = {"ready": "green", "not set up": "yellow", "broken": "red"}
    table = Table("part", "state", "what to know or do")
    for one in findings:
        table.add_row(one.what, f"[{colours[one.state]}]{one.state}[/]", escape(one.remark))
    Console().print(table)
    return int(any(one.state == "broken" for one in findings))


def _storage(chosen: Configuration) -> Iterator[Finding]:
    try:
        keys = open_book(chosen).known()
    except StateRefused as fault:
        yield Finding("key store", "broken", str(fault))
        return
    valid = sum(key.revoked_at is None for key in keys)
    if valid:
        counted = "1 valid key" if valid == 1 else f"{valid} valid keys"
        yield Finding("key store", "ready", counted)
    else:
        yield Finding("key store", "not set up", "make a key: visus keys create NAME")


async def _counter(settings: LimitsSettings) -> list[Finding]:
    """Where replicas count together, if they do."""
    if not settings.redis:
        return []
    # Imported here because most installations have no use for it.
    from visus.accounts.shared_limiter import trouble  # noqa: PLC0415

    shown = redis_address(settings.redis).shown
    fault = await trouble(settings, settings.redis)
    if fault is None:
        return [Finding("shared limits", "ready", f"counted in {shown}")]
    remark = f"{shown} cannot be used: {fault}; see [limits] redis"
    return [Finding("shared limits", "broken", remark)]


async def _workers(chosen: Configuration) -> list[Finding]:
    settings = chosen.settings
    found = [await _worker("picture decoder", WORKER_ENTRY, settings.decoders, "[decoders]")]
    if settings.lite.enabled:
        found.append(await _worker("visus-lite", EYES, settings.lite.workers, "[lite.workers]"))
    else:
        found.append(Finding("visus-lite", "not set up", "switched off: [lite] enabled"))
    return found


async def _local(chosen: Configuration) -> list[Finding]:
    """Models that are run here: their library, their files, and whether they fit."""
    settings, models = chosen.settings.gguf, chosen.catalogue.models
    rows = [row for row in models if row.path is not None]
    if not rows:
        return []
    workers = WorkerSettings(start_attempts=1)
    library = await _worker("llama.cpp", LIBRARY, workers, "no section", mend=_LIBGOMP)
    return [library, *(_model(row, settings) for row in rows)]


def _model(row: ModelRow, settings: GgufSettings) -> Finding:
    what = f"model {row.id}"
    try:
        found = measure(LocalModel.of(row.id, row, settings.context_tokens))
    except FilesUnusable as fault:
        return Finding(what, "broken", str(fault))
    needed, given = found.bytes_needed // MIB, settings.memory_bytes // MIB
    remark = f"needs about {needed:,} of {given:,} MiB for {found.context_tokens:,} tokens"
    if found.bytes_needed > settings.memory_bytes:
        return Finding(what, "broken", f"{remark}: see [gguf] memory_bytes")
    return Finding(what, "ready", remark)


async def _worker(
    what: str, entry: str, settings: WorkerSettings, section: str, *, mend: str | None = None
) -> Finding:
    began_s = anyio.current_time()
    try:
        with anyio.fail_after(START_DEADLINE_S):
            async with WorkerPool(entry, name=what, settings=settings) as pool:
                await pool.until_ready()
    except NoWorker as fault:
        reason = " ".join((fault.detail or "").split())
    except TimeoutError:
        reason = f"not ready within {START_DEADLINE_S:.0f} s"
    else:
        return Finding(what, "ready", f"started in {anyio.current_time() - began_s:.1f} s")
    mend = mend or f"give it more room in {section}; at its defaults, {_REINSTALL}"
    return Finding(what, "broken", f"{_shortened(reason)}; {mend}")


def _shortened(reason: str) -> str:
    return reason if len(reason) <= _REASON_CHARS else f"{reason[:_REASON_CHARS]}…"


def _authorities() -> Finding:
    """Whether there are certificate authorities to trust."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())):
        return Finding("CA certificates", "ready", f"in {paths.cafile or paths.capath}")
    return Finding(
        "CA certificates",
        "not set up",
        "without them nothing can be had by https, neither providers nor pictures: "
        "install the package ca-certificates, or name a bundle in SSL_CERT_FILE",
    )


def _providers(chosen: Configuration) -> Iterator[Finding]:
    for name, access in chosen.access.items():
        if not access.dialect.is_remote:
            continue
        models = [
            model.id
            for model in chosen.catalogue.models
            if name in (one.provider for one in model.run_by)
        ]
        what = f"provider {name}"
        if access.missing:
            remark = f"set {' and '.join(access.missing)} to use {', '.join(models)}"
            yield Finding(what, "not set up", remark)
        else:
            yield Finding(what, "ready", f"configured for {', '.join(models) or 'no model'}")
