"""What a run found: the table, the verdicts on the bounds, and `results.json`."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typing_extensions import override

from bench.measure import Cell
from bench.workloads import WORKLOADS

JUDGED = "visus"
OLDER = "older"
"""The build of `--older`; its bounds are meant for the commit before accounts, limits, the
ledger, queues, metrics and traces."""
NOTHING = "-"

DISTURBED = 0.1
"""From this share of the gateway's core for others on, the table says so."""

REWRITTEN_BYTES = 1000
"""From this difference on, a forwarded body is another body and the table says so."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A promise about ours: a figure and what it may be at most."""

    workload: str
    figure: str
    at_most: float
    against: str = ""

    @override
    def __str__(self) -> str:
        if self.against:
            return f"{self.workload} {self.figure} <= {self.at_most:g} x {self.against}"
        return f"{self.workload} {self.figure} <= {self.at_most:g}".strip()


BOUNDS = (
    Bound("W1", "cpu", 2.0, "null"),
    Bound("W2", "cpu", 1.5, "null"),
    Bound("W3", "cpu", 1.5, "null"),
    Bound("W5", "cpu", 1.5, "null"),
    Bound("W6", "cpu", 1.5, "null"),
    Bound("W2", "cpu", 0.35, "tensorzero"),
    Bound("W3", "cpu", 0.2, "tensorzero"),
    Bound("W6", "cpu", 0.2, "tensorzero"),
    Bound("W7", "cpu", 0.25, "portkey"),
    Bound("W7s", "cpu", 0.4, "portkey"),
    Bound("W1", "cpu", 1.3, OLDER),
    *(Bound(name, "cpu", 1.15, OLDER) for name in ("W2", "W3", "W4", "W5", "W6")),
    Bound("W3", "rss_mb", 300),
    Bound("", "cold_s", 1.0),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bound and the figure that was measured for it; None if it was not or was void."""

    bound: Bound
    measured: float | None

    @override
    def __str__(self) -> str:
        if self.measured is None:
            return f"not measured  {self.bound}"
        word = "met         " if self.measured <= self.bound.at_most else "MISSED      "
        return f"{word}  {self.bound}: {self.measured:.3g}"


class Findings:
    """The cells and cold starts of one paired run."""

    def __init__(self, cells: Sequence[Cell], cold_starts_s: Mapping[str, list[float]]) -> None:
        self.cells = cells
        self.cold_s = {name: statistics.median(s) for name, s in cold_starts_s.items() if s}
        self._by_place = {(cell.workload.name, cell.gateway): cell for cell in cells}

    def cpu_us(self, workload: str, gateway: str) -> float | None:
        """CPU microseconds a request, of the repetition if there was one; None if void."""
        cell = self._by_place.get((workload, gateway))
        return None if cell is None or cell.void or not cell.has_gateway else cell.cpu_us

    def rss_mb(self, workload: str, gateway: str) -> float | None:
        """Peak resident memory; None for a cell that failed or is absent."""
        peaks = [
            cell.peak_rss_mb
            for cell in self.cells
            if (cell.workload.name, cell.gateway) == (workload, gateway)
            if cell.has_gateway and not cell.trouble
        ]
        return max(peaks, default=None)

    def verdicts(self, bounds: Sequence[Bound] = BOUNDS) -> list[Verdict]:
        """Every bound beside what was measured."""
        return [Verdict(bound, self._measured(bound)) for bound in bounds]

    def _measured(self, bound: Bound) -> float | None:
        match bound.figure:
            case "cold_s":
                return self.cold_s.get(JUDGED)
            case "rss_mb":
                return self.rss_mb(bound.workload, JUDGED)
            case _:
                ours = self.cpu_us(bound.workload, JUDGED)
                theirs = self.cpu_us(bound.workload, bound.against)
                return ours / theirs if ours and theirs else None

    def as_json(self) -> dict[str, Any]:
        """The content of `results.json`; a void figure is null and explained in `void`."""
        names = list(dict.fromkeys(cell.gateway for cell in self.cells if cell.has_gateway))
        workloads = list(dict.fromkeys(cell.workload.name for cell in self.cells))
        return {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "cpu_us": {w: {n: _rounded(self.cpu_us(w, n)) for n in names} for w in workloads},
            "rss_mb": {w: {n: _rounded(self.rss_mb(w, n)) for n in names} for w in workloads},
            "cold_s": {name: round(seconds, 3) for name, seconds in self.cold_s.items()},
            "void": self._void(),
            "verdicts": {str(v.bound): v.measured for v in self.verdicts()},
            "cells": [_cell_json(cell) for cell in self.cells if cell.runs],
        }

    def _void(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for cell in self.cells:
            if cell.void and cell is self._by_place[cell.workload.name, cell.gateway]:
                found.setdefault(cell.workload.name, {})[cell.gateway] = cell.void
        return found


def machine() -> str:
    """What kind of machine it was; nothing that names it."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def table(findings: Findings) -> Iterator[str]:
    """Lines of Markdown: CPU, memory and latency of every cell, then the cold starts."""
    yield "| workload | gateway | CPU µs | peak MB | added p50 µs | p99 µs | gw | hw | note |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---|"
    direct = {
        (cell.workload.name, cell.pause_s): cell
        for cell in findings.cells
        if cell.gateway == "direct" and cell.runs
    }
    for cell in findings.cells:
        yield _row(cell, direct.get((cell.workload.name, cell.pause_s)))
    yield ""
    for name, seconds in findings.cold_s.items():
        yield f"cold start to the first answer, {name}: {seconds:.2f} s"


def write(findings: Findings, file: Path, **more: Any) -> None:
    """Write `results.json`; what other measurements have put there stays."""
    join(file, **findings.as_json(), **more)


def join(file: Path, **figures: Any) -> None:
    """Put figures into `results.json`, in place of earlier ones of the same names."""
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | figures, indent=1) + "\n")


def say(lines: Iterator[str] | Sequence[str]) -> None:
    """Print lines at once."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _row(cell: Cell, direct: Cell | None) -> str:
    title = f"{cell.workload.name} {WORKLOADS[cell.workload.name].title}"
    if not cell.runs:
        return f"| {title} | {cell.gateway} " + "| - " * 6 + f"| void: {cell.void} |"
    figures = [NOTHING, NOTHING]
    if cell.has_gateway:
        figures = ["void" if cell.void else f"{cell.cpu_us:.0f}", f"{cell.peak_rss_mb:.0f}"]
    share = statistics.mean(run.gateway_share for run in cell.runs)
    columns = [title, cell.gateway, *figures, *_added(cell, direct)]
    columns += [f"{share:.2f}", f"{cell.hardware_share:.2f}", _note(cell)]
    return "| " + " | ".join(columns) + " |"


def _added(cell: Cell, direct: Cell | None) -> list[str]:
    if direct is None or direct is cell or cell.void:
        return [NOTHING, NOTHING]
    return [f"{cell.median(field) - direct.median(field):.0f}" for field in ("p50", "p99")]


def _note(cell: Cell) -> str:
    notes = [f"void: {cell.void}"] if cell.void else []
    if cell.pause_s:
        notes.append(f"eased: each client rests {cell.pause_s * 1000:.1f} ms")
    if abs(cell.forwarded_bytes - cell.sent_bytes) > REWRITTEN_BYTES:
        notes.append(f"forwards {cell.forwarded_bytes} of {cell.sent_bytes} bytes")
    if cell.pictures_fetched:
        notes.append(f"fetches {cell.pictures_fetched:.2g} pictures a request")
    if cell.has_gateway and cell.others_share > DISTURBED:
        notes.append(f"others took {cell.others_share:.0%} of the core")
    events = {(run.answers.ev_min, run.answers.ev_max) for run in cell.runs}
    if len(events) > 1 or any(low != high for low, high in events):
        notes.append(f"uneven streams {sorted(events)}")
    return "; ".join(notes)


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)


def _cell_json(cell: Cell) -> dict[str, Any]:
    return {
        "workload": cell.workload.name,
        "gateway": cell.gateway,
        "cpu_us": round(cell.cpu_us, 1),
        "cpu_us_runs": [
            round(run.spent.sched_s / max(run.answers.ok, 1) * 1e6, 1) for run in cell.runs
        ],
        "rps": round(cell.median("rps"), 1),
        "p50_us": cell.median("p50"),
        "p99_us": cell.median("p99"),
        "first_byte_p50_us": cell.median("ttfb_p50"),
        "events": cell.median("ev_mean"),
        "hw": round(cell.hardware_share, 3),
        "others": round(cell.others_share, 3),
        "pause_ms": round(cell.pause_s * 1000, 2),
        "void": cell.void,
    }
