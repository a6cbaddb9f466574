"""One cell of the table: a workload on a gateway, in rounds that all gateways take in turn."""

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import processes, traffic
from bench.peers import GATEWAY_CORE, Gateway
from bench.processes import Spent
from bench.traffic import Answers, Load, Target
from bench.workloads import WORKLOADS, Workload

SATURATED = 0.9
"""From this share of its core on, mock and load generator measured themselves."""

COARSE_S = 1.0
"""Below this much CPU the 10 ms ticks are too coarse and schedstat is read instead."""

EASED = 0.7
"""Where a saturated row is repeated: about this share of the core of mock and load."""

FLOOR = "nginx"
"""The peer that outruns mock and load in most rows, and is repeated alone then."""

WARM_UP = ("W1", "W2", "W5")
WARM_UP_CLIENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long everything takes."""

    clients: int = 8
    rounds: int = 3
    seconds: float = 2.0
    warm_up_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the work files are, and the process id of the mock."""

    work: Path
    mock_pid: int

    @property
    def pictures(self) -> Path:
        """The folder of the test pictures."""
        return self.work / "img"


@dataclass(frozen=True, slots=True)
class Run:
    """One gateway under one load, once. Shares are of one core."""

    clients: int
    answers: Answers
    spent: Spent
    hardware_share: float
    gateway_share: float
    others_share: float
    """What anything else took of the gateway's core."""
    peak_rss_mb: float


@dataclass(slots=True)
class Cell:
    """All runs of one workload on one gateway."""

    workload: Workload
    gateway: str
    sent_bytes: int
    forwarded_bytes: int = 0
    pictures_fetched: float = 0.0
    trouble: str = ""
    pause_s: float = 0.0
    runs: list[Run] = field(default_factory=list[Run])

    @property
    def has_gateway(self) -> bool:
        """Whether anything stood between load and mock."""
        return any(run.spent.ticks_s or run.spent.sched_s for run in self.runs)

    @property
    def hardware_share(self) -> float:
        """How busy mock and load generator together kept their core."""
        return statistics.mean(run.hardware_share for run in self.runs)

    @property
    def is_saturated(self) -> bool:
        """Whether mock and load generator were as busy as they can be."""
        return self.has_gateway and self.hardware_share >= SATURATED

    @property
    def others_share(self) -> float:
        """How much of the gateway's core something else took."""
        return statistics.mean(run.others_share for run in self.runs)

    @property
    def easing_pause_s(self) -> float:
        """How long clients must rest between requests to leave mock and load some air."""
        clients = self.runs[0].clients
        return clients * self.hardware_share / (EASED * max(self.median("rps"), 1.0))

    @property
    def void(self) -> str:
        """Why the cell's figures may not be quoted; empty if they may."""
        if self.trouble:
            return self.trouble
        if bad := sum(run.answers.bad for run in self.runs):
            return f"{bad} requests failed"
        if self.is_saturated:
            return f"mock and load generator saturated (hw {self.hardware_share:.2f})"
        return ""

    @property
    def cpu_us(self) -> float:
        """CPU microseconds of the gateway's processes for one request."""
        requests = sum(run.answers.ok + run.answers.non2xx for run in self.runs)
        ticks_s = sum(run.spent.ticks_s for run in self.runs)
        sched_s = sum(run.spent.sched_s for run in self.runs)
        return (sched_s if ticks_s < COARSE_S else ticks_s) / max(requests, 1) * 1e6

    @property
    def peak_rss_mb(self) -> float:
        """The highest resident memory of any run."""
        return max(run.peak_rss_mb for run in self.runs)

    def median(self, field_name: str) -> float:
        """The median over the runs of a field of `Answers`."""
        return statistics.median(float(getattr(run.answers, field_name)) for run in self.runs)


def start(gateway: Gateway, *, starts: int) -> None:
    """Start it so often, each time from nothing; the last one stays up."""
    for _ in range(starts - 1):
        gateway.start()
        gateway.stop()
    gateway.start()


def warm_up(gateway: Gateway, bench: Bench, effort: Effort) -> None:
    """The same requests for the same time for every gateway."""
    for name in WARM_UP:
        target = gateway.target(WORKLOADS[name], pictures=bench.pictures)
        if target is not None and gateway.is_ours_to_start:
            load = Load(clients=WARM_UP_CLIENTS, seconds=effort.warm_up_s)
            traffic.drive(target, load, work=bench.work)


def compare(
    workload: Workload, gateways: Sequence[Gateway], *, bench: Bench, effort: Effort
) -> list[Cell]:
    """One row. Void cells are repeated with rests, and all beside them, to stay paired."""
    row = _row(workload, gateways, bench=bench, effort=effort, pause_s=0.0)
    void = [cell for cell in row if cell.is_saturated]
    if not void:
        return row
    alone = all(cell.gateway == FLOOR for cell in void)
    again = [gateway for gateway in gateways if not alone or gateway.name == FLOOR]
    pause_s = max(cell.easing_pause_s for cell in void)
    repeated = _row(workload, again, bench=bench, effort=effort, pause_s=pause_s)
    return row + repeated


def _row(
    workload: Workload,
    gateways: Sequence[Gateway],
    *,
    bench: Bench,
    effort: Effort,
    pause_s: float,
) -> list[Cell]:
    """Rounds A B C, A B C, so that all gateways see the same noise."""
    pairs = [
        (gateway, target)
        for gateway in gateways
        if (target := gateway.target(workload, pictures=bench.pictures)) is not None
    ]
    cells = {g.name: _checked(g, t, workload, bench=bench, effort=effort) for g, t in pairs}
    load = Load(clients=effort.clients, seconds=effort.seconds, pause_s=pause_s)
    for _ in range(effort.rounds):
        for gateway, target in pairs:
            cell = cells[gateway.name]
            cell.pause_s = pause_s
            if not cell.trouble:
                cell.runs.append(run_once(gateway, target, load=load, bench=bench))
    return list(cells.values())


def run_once(gateway: Gateway, target: Target, *, load: Load, bench: Bench) -> Run:
    """Drive the load through the gateway and read what it cost."""
    before = gateway.pids()
    processes.forget_peak(before)
    gateway_before, mock_before = processes.spent(before), processes.spent([bench.mock_pid])
    busy_before_s = processes.core_busy_s(GATEWAY_CORE)
    began = time.perf_counter()
    answers = traffic.drive(target, load, work=bench.work)
    elapsed = time.perf_counter() - began
    busy_s = processes.core_busy_s(GATEWAY_CORE) - busy_before_s
    family = gateway.pids()
    spent = processes.spent(_both(before, family)).since(gateway_before)
    mock = processes.spent([bench.mock_pid]).since(mock_before)
    return Run(
        load.clients,
        answers,
        spent,
        hardware_share=(mock.ticks_s + answers.cpu) / elapsed,
        gateway_share=spent.ticks_s / elapsed,
        others_share=max(busy_s - spent.ticks_s, 0.0) / elapsed,
        peak_rss_mb=processes.peak_rss_mb(family),
    )


def _checked(
    gateway: Gateway, target: Target, workload: Workload, *, bench: Bench, effort: Effort
) -> Cell:
    """A few requests that are not measured: do they answer, and what reaches the upstream?"""
    before = traffic.counters()
    some = Load(clients=effort.clients, seconds=3, requests=max(10, effort.clients))
    answers = traffic.drive(target, some, work=bench.work)
    after = traffic.counters()
    return Cell(
        workload,
        gateway.name,
        sent_bytes=len(target.body),
        forwarded_bytes=after.last_body,
        pictures_fetched=(after.img - before.img) / max(answers.ok, 1),
        trouble="" if answers.ok else f"no answer in the warm-up: {answers.status}",
    )


def _both(before: Iterable[int], after: Iterable[int]) -> set[int]:
    return {*before, *after}
