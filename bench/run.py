"""`python -m bench.run`: build, install, start, warm, measure in turn, print, write, stop."""

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import install, measure, report, streams
from bench.measure import Bench, Cell, Effort
from bench.peers import BENCH, Gateway, catalogue
from bench.report import Findings
from bench.traffic import mock_upstream
from bench.workloads import WORKLOADS

PEERS = "direct,nginx,null,tensorzero,visus"
DEFAULT_WORKLOADS = "W1,W2,W3,W4,W5,W6"
SATURABLE = "W4"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--peers", type=_names, default=PEERS, help="default: %(default)s")
    parser.add_argument(
        "--workloads", type=_names, default=DEFAULT_WORKLOADS, help="default: %(default)s"
    )
    parser.add_argument("--clients", type=int, default=8, help="clients at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--secs", type=float, default=2.0, help="seconds of each run")
    parser.add_argument("--warm-secs", type=float, default=2.0, help="of each kind, for all")
    parser.add_argument("--starts", type=int, default=3, help="cold starts; the median counts")
    parser.add_argument("--older", type=Path, help="another checkout with its own .venv")
    parser.add_argument("--streams", type=int, default=50, help="paced clients; 0 for none")
    parser.add_argument("--streams-secs", type=float, default=5.0)
    parser.add_argument("--work", type=Path, default=BENCH / "work")
    parser.add_argument("--results", type=Path, default=BENCH / "results.json")
    return parser.parse_args()


def main() -> None:
    """The whole benchmark."""
    options = arguments()
    work = options.work.resolve()
    gateways = _gateways(options.peers, work=work, older=options.older)
    install.prepare(work, [gateway.name for gateway in gateways])
    os.sched_setaffinity(0, {0})
    effort = Effort(
        clients=options.clients,
        rounds=options.rounds,
        seconds=options.secs,
        warm_up_s=options.warm_secs,
    )
    with ExitStack() as cleanup:
        mock = cleanup.enter_context(mock_upstream(pictures=work / "img", work=work))
        bench = Bench(work, mock)
        _start(gateways, bench=bench, effort=effort, starts=options.starts, cleanup=cleanup)
        cells = _measure(options.workloads, gateways, bench=bench, effort=effort)
        legs = _stream(gateways, bench=bench, options=options)
    findings = Findings(cells, {gateway.name: gateway.cold_starts_s for gateway in gateways})
    report.say(["", *report.table(findings), "", *map(str, findings.verdicts())])
    if legs:
        report.say(["", *streams.table(legs)])
    report.write(findings, options.results, streams=streams.as_json(legs))


def _gateways(names: Sequence[str], *, work: Path, older: Path | None) -> list[Gateway]:
    known = catalogue()
    wanted = [*names, "older"] if older and "older" not in names else list(names)
    if strangers := [name for name in wanted if name not in known]:
        raise SystemExit(f"Unknown peers: {', '.join(strangers)}.")
    if "older" in wanted and older is None:
        raise SystemExit("The peer `older` needs --older DIR.")
    checkout = older.resolve() if older else None
    return [Gateway(name=n, peer=known[n], work=work, older=checkout) for n in wanted]


def _start(
    gateways: Sequence[Gateway],
    *,
    bench: Bench,
    effort: Effort,
    starts: int,
    cleanup: ExitStack,
) -> None:
    for gateway in gateways:
        if gateway.is_ours_to_start:
            cleanup.callback(gateway.stop)
            measure.start(gateway, starts=starts)
            seconds = ", ".join(f"{s:.2f}" for s in gateway.cold_starts_s)
            report.say([f"{gateway.name}: first answer after {seconds} s"])
            measure.warm_up(gateway, bench, effort)


def _measure(
    names: Sequence[str], gateways: Sequence[Gateway], *, bench: Bench, effort: Effort
) -> list[Cell]:
    cells = list[Cell]()
    for name in names:
        if name not in WORKLOADS:
            raise SystemExit(f"Unknown workload: {name}.")
        row = measure.compare(WORKLOADS[name], gateways, bench=bench, effort=effort)
        figures = "  ".join(f"{c.gateway} {c.cpu_us:.0f}" for c in row if c.has_gateway)
        report.say([f"{name}: {figures} µs"])
        cells += row
    return cells


def _stream(
    gateways: Sequence[Gateway], *, bench: Bench, options: argparse.Namespace
) -> list[streams.Leg]:
    if not options.streams:
        return []
    return streams.stream(
        gateways,
        bench=bench,
        clients=options.streams,
        seconds=options.streams_secs,
        legs=2,
    )


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    main()
