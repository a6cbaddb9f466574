"""Figures from outcomes, the bounds that they must keep, tables and `results.json`."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from eval.asking import Outcome
from eval.marker import PAGE_BOUND

Outcomes = Sequence[Outcome]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number, with the bound it must keep where there is one."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the bound, if any, is kept."""
        over = self.at_least is not None and self.value < self.at_least
        return not over and not (self.at_most is not None and self.value > self.at_most)


MUST_NAME: Final = ("coffee", "chelsea", "camera")
"""Coffee, the cat and the tripod are to be named."""
BY_PART: Final[dict[str, float | None]] = {
    "codes": 1.0,
    "colours": 1.0,
    "shapes": 0.95,
    "charts": None,
    "language": None,
    "compare": None,
    "second turn": None,
    "presence": None,
    "set": None,
}


def figures(outcomes: Outcomes) -> list[Figure]:
    """Every figure that the outcomes allow."""
    parts: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        parts[outcome.item.part].append(outcome)
    made: list[Figure] = []
    pages = [outcome for outcome in outcomes if outcome.item.rule == "transcript"]
    if pages:
        made += _reading(pages)
    documents = [outcome for outcome in outcomes if outcome.item.part.startswith("extract")]
    if documents:
        made += _extraction(documents)
    for part, bound in BY_PART.items():
        if parts[part]:
            share = _share(parts[part], lambda outcome: outcome.mark.right)
            made.append(
                Figure(name=f"{part}: right", value=share, unit="share", at_least=bound)
            )
    if parts["photos"]:
        made += _photos(parts["photos"])
    made.append(Figure(name="requests that failed", value=sum(bool(o.fault) for o in outcomes)))
    return made


def _share(outcomes: Outcomes, holds: Callable[[Outcome], bool]) -> float:
    return sum(map(holds, outcomes)) / max(1, len(outcomes))


def _reading(pages: Outcomes) -> list[Figure]:
    lost = sum(page.mark.distance for page in pages)
    length = sum(page.mark.length for page in pages)
    worst = min(1 - page.mark.distance / max(1, page.mark.length) for page in pages)
    return [
        Figure(
            name="ocr: characters right", value=1 - lost / length, unit="share", at_least=0.99
        ),
        Figure(name="ocr: worst page", value=worst, unit="share", at_least=PAGE_BOUND),
    ]


def _extraction(documents: Outcomes) -> list[Figure]:
    asked = [outcome for outcome in documents if outcome.item.answerable]
    made: list[Figure] = []
    for part, bound in (("extract clean", 0.90), ("extract damaged", 0.85)):
        mine = [outcome for outcome in asked if outcome.item.part == part]
        if mine:
            share = _share(mine, lambda outcome: outcome.mark.right)
            made.append(
                Figure(name=f"{part}: right", value=share, unit="share", at_least=bound)
            )
    lacking = [outcome for outcome in documents if not outcome.item.answerable]
    if lacking:
        share = _share(lacking, lambda outcome: outcome.mark.right)
        made.append(
            Figure(name="extract absent: declined", value=share, unit="share", at_least=1.0)
        )
    count = sum(len(outcome.mark.invented) for outcome in documents)
    made.append(Figure(name="extract: values that no picture holds", value=count, at_most=0))
    return made


def _photos(photos: Outcomes) -> list[Figure]:
    named = {outcome.item.group for outcome in photos if outcome.mark.named}
    wrong = sum(not outcome.mark.right for outcome in photos)
    return [
        Figure(name="photos: named", value=len(named), at_least=4),
        Figure(
            name="photos: coffee, cat and tripod named",
            value=sum(name in named for name in MUST_NAME),
            at_least=len(MUST_NAME),
        ),
        Figure(name="photos: wrong and unhedged", value=wrong, at_most=0),
    ]


def show(console: Console, outcomes: Outcomes, made: Sequence[Figure]) -> None:
    """Tables: the figures with their bounds, the groups, and the misses."""
    table = Table(title="Figures", title_justify="left")
    for heading in ("what", "measured", "bound", ""):
        table.add_column(heading, justify="left" if heading in {"what", ""} else "right")
    for figure in made:
        verdict = "kept" if figure.kept else "[bold red]missed"
        bounded = figure.at_least is not None or figure.at_most is not None
        table.add_row(figure.name, _shown(figure), _bound(figure), verdict if bounded else "")
    console.print(table)
    if outcomes:
        console.print(_groups(outcomes))
        console.print(_misses(outcomes))


def _shown(figure: Figure) -> str:
    if figure.unit == "share":
        return f"{figure.value:.2%}"
    return f"{figure.value:.4g} {figure.unit}".strip()


def _bound(figure: Figure) -> str:
    bound = figure.at_least if figure.at_least is not None else figure.at_most
    if bound is None:
        return "-"
    sign = ">=" if figure.at_least is not None else "<="
    return f"{sign} {bound:.0%}" if figure.unit == "share" else f"{sign} {bound:g}"


def _groups(outcomes: Outcomes) -> Table:
    rows: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        rows[outcome.item.part, outcome.item.group].append(outcome)
    table = Table(title="By group", title_justify="left")
    for heading in ("part", "group", "right", "asked", "median s"):
        table.add_column(heading, justify="left" if heading in {"part", "group"} else "right")
    for (part, group), mine in sorted(rows.items()):
        times = sorted(outcome.seconds for outcome in mine)
        right = sum(outcome.mark.right for outcome in mine)
        median = times[len(times) // 2]
        table.add_row(part, group, str(right), str(len(mine)), f"{median:.2f}")
    return table


def _misses(outcomes: Outcomes) -> Table:
    table = Table(title="Misses", title_justify="left", show_lines=True)
    for heading in ("id", "question", "expected", "reply", "why"):
        table.add_column(heading, overflow="fold")
    for outcome in sorted(outcomes, key=lambda outcome: outcome.item.id):
        marked = outcome.mark
        if marked.right and not marked.invented:
            continue
        why = marked.why + (f" invented: {marked.invented}" if marked.invented else "")
        expected = " | ".join(outcome.item.answers[:3]) or "(nothing there)"
        table.add_row(
            outcome.item.id, outcome.item.question, expected, outcome.reply[:200], why
        )
    return table


def write(path: Path, outcomes: Outcomes, made: Sequence[Figure], subject: str) -> None:
    """`results.json`: the figures with verdicts, and every question with its reply."""
    body = {
        "subject": subject,
        "kept": all(figure.kept for figure in made),
        "figures": [{**msgspec.to_builtins(figure), "kept": figure.kept} for figure in made],
        "outcomes": [
            {
                "id": outcome.item.id,
                "part": outcome.item.part,
                "group": outcome.item.group,
                "files": outcome.item.pictures,
                "question": outcome.item.question,
                "answers": outcome.item.answers,
                "answerable": outcome.item.answerable,
                "reply": outcome.reply,
                "seconds": round(outcome.seconds, 3),
                "fault": outcome.fault,
                **msgspec.to_builtins(outcome.mark),
            }
            for outcome in sorted(outcomes, key=lambda outcome: outcome.item.id)
        ],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
