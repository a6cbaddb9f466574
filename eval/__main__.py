"""`python -m eval`: draw or read pictures, ask, mark, print; exit 1 when a bound is missed."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import track

from eval import items as sets, material, report, speed
from eval.asking import Asker, Outcome, client_of
from eval.items import BrokenSet, Item
from eval.report import Figure
from eval.service import Service, ServiceSilent, named, started
from eval.sheet import FontsMissing, check_fonts

HERE = Path(__file__).parent
BOUND_MISSED, UNUSABLE = 1, 2


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m eval", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="which material to draw")
    parser.add_argument("--set", type=Path, help="a folder with a questions.jsonl instead")
    parser.add_argument(
        "--only", default="", help=f"parts, by comma: {', '.join(material.PARTS)}"
    )
    parser.add_argument("--base-url", help="a running service; else OPENAI_BASE_URL, else ours")
    parser.add_argument("--api-key", help="its key; else OPENAI_API_KEY")
    parser.add_argument("--model", default="visus-lite")
    parser.add_argument("--at-once", type=int, default=2, help="questions in flight")
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    parser.add_argument("--speed", action="store_true", help="measure time and memory instead")
    parser.add_argument("--draw-only", action="store_true", help="make the pictures and stop")
    arguments = parser.parse_args(argv)
    unknown = set(filter(None, arguments.only.split(","))) - set(material.PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return arguments


def main(argv: Sequence[str]) -> int:
    """Run the evaluation; 0 all bounds kept, 1 a bound missed, 2 it could not be run."""
    arguments, console = _arguments(argv), Console()
    try:
        return _run(arguments, console)
    except (BrokenSet, FontsMissing, ServiceSilent) as fault:
        console.print(f"[red]{fault}", highlight=False)
        return UNUSABLE


def _run(arguments: argparse.Namespace, console: Console) -> int:
    folder, items = _material(arguments, console)
    if arguments.draw_only:
        return 0
    with ExitStack() as stack:
        service = named(arguments.base_url, arguments.api_key)
        if service is None:
            console.print("Starting visus serve with a temporary state")
            service = stack.enter_context(started(HERE / "work" / "serve.log"))
        outcomes = [] if arguments.speed else _asked(service, items, folder, arguments)
        figures = _figures(service, outcomes, arguments)
    report.show(console, outcomes, figures)
    subject = str(arguments.set) if arguments.set else f"seed {arguments.seed}"
    report.write(arguments.results, outcomes, figures, subject)
    return 0 if all(figure.kept for figure in figures) else BOUND_MISSED


def _figures(
    service: Service, outcomes: list[Outcome], arguments: argparse.Namespace
) -> list[Figure]:
    if arguments.speed:
        return speed.measure(service, arguments.model, arguments.seed)
    return report.figures(outcomes)


def _material(arguments: argparse.Namespace, console: Console) -> tuple[Path, list[Item]]:
    """What to ask, and where its pictures are; pages for `--speed` are drawn as they go."""
    if arguments.speed:
        check_fonts()
        return HERE, []
    if arguments.set:
        return arguments.set, sets.load(arguments.set)
    folder = HERE / "work" / f"seed-{arguments.seed}"
    parts = [name for name in arguments.only.split(",") if name] or list(material.PARTS)
    items = material.make(arguments.seed, folder, parts)
    console.print(
        f"Drew {len(items)} questions; look at {material.contact_sheet(items, folder)}"
    )
    return folder, items


def _asked(
    service: Service, items: list[Item], folder: Path, arguments: argparse.Namespace
) -> list[Outcome]:
    with client_of(service) as client:
        asker = Asker(client, arguments.model, folder)
        replies = asker.ask_all(items, arguments.at_once)
        return list(track(replies, description="Asking", total=len(items)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
