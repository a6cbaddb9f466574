"""Fifty clients at once on a paced upstream: does anyone starve, what is added, what grows?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import processes
from bench.measure import Bench, Run, run_once
from bench.peers import Gateway
from bench.traffic import Load
from bench.workloads import WORKLOADS

DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Leg:
    """One run of all clients through one gateway, with resident memory around it."""

    gateway: str
    run: Run
    rss_before_mb: float
    rss_after_mb: float


def stream(
    gateways: Sequence[Gateway], *, bench: Bench, clients: int, seconds: float, legs: int
) -> list[Leg]:
    """Every gateway in turn, so many times over; each client streams again and again."""
    workload = WORKLOADS["W5p"]
    load = Load(clients=clients, seconds=seconds)
    found = list[Leg]()
    for _ in range(legs):
        for gateway in gateways:
            target = gateway.target(workload, pictures=bench.pictures)
            if target is None:
                continue
            before = processes.rss_mb(gateway.pids())
            run = run_once(gateway, target, load=load, bench=bench)
            after = processes.rss_mb(gateway.pids())
            found.append(Leg(gateway.name, run, before, after))
    return found


def table(legs: Sequence[Leg]) -> Iterator[str]:
    """Lines of Markdown, one for each leg; latencies are in milliseconds above `direct`."""
    yield (
        "| gateway | streams | bad | added p50 | added p99 | added first p50 | first p99 "
        "| gap p99 | answers a client | events a stream | gw | hw | RSS MB |"
    )
    yield "|---|" + "---:|" * 12
    direct = [leg for leg in legs if leg.gateway == DIRECT]
    for leg in legs:
        yield "| " + " | ".join(_columns(leg, direct)) + " |"


def as_json(legs: Sequence[Leg]) -> list[dict[str, Any]]:
    """The same for `results.json`."""
    direct = [leg for leg in legs if leg.gateway == DIRECT]
    return [
        {
            "gateway": leg.gateway,
            "streams": leg.run.answers.ok,
            "bad": leg.run.answers.bad,
            "added_p50_ms": _above(leg, direct, "p50"),
            "added_p99_ms": _above(leg, direct, "p99"),
            "added_first_p50_ms": _above(leg, direct, "ttfb_p50"),
            "added_first_p99_ms": _above(leg, direct, "ttfb_p99"),
            "answers_a_client": [leg.run.answers.answers_least, leg.run.answers.answers_most],
            "events_a_stream": [leg.run.answers.ev_min, leg.run.answers.ev_max],
            "hw": round(leg.run.hardware_share, 3),
            "gw": round(leg.run.gateway_share, 3),
            "rss_before_mb": round(leg.rss_before_mb, 1),
            "rss_after_mb": round(leg.rss_after_mb, 1),
            "rss_peak_mb": round(leg.run.peak_rss_mb, 1),
        }
        for leg in legs
    ]


def _columns(leg: Leg, direct: Sequence[Leg]) -> list[str]:
    seen = leg.run.answers
    added = [_above(leg, direct, name) for name in ("p50", "p99", "ttfb_p50", "ttfb_p99")]
    return [
        leg.gateway,
        str(seen.ok),
        str(seen.bad),
        *("-" if value is None else f"{value:.1f}" for value in added),
        f"{seen.gap_p99 / 1000:.1f}",
        f"{seen.answers_least}..{seen.answers_most}",
        f"{seen.ev_min}..{seen.ev_max}",
        f"{leg.run.gateway_share:.2f}",
        f"{leg.run.hardware_share:.2f}",
        f"{leg.rss_before_mb:.1f} → {leg.rss_after_mb:.1f} (peak {leg.run.peak_rss_mb:.1f})",
    ]


def _above(leg: Leg, direct: Sequence[Leg], name: str) -> float | None:
    """Milliseconds above the mean of the direct legs; None for these themselves."""
    if not direct or leg.gateway == DIRECT:
        return None
    base = sum(float(getattr(other.run.answers, name)) for other in direct) / len(direct)
    return round((float(getattr(leg.run.answers, name)) - base) / 1000, 2)
