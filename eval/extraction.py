"""120 questions on 60 documents: 20 about what is not there, a third on damaged pictures."""

from pathlib import Path
from typing import Final

from msgspec.structs import replace

from eval.damage import DAMAGES, save_damaged
from eval.dice import Dice
from eval.documents import KINDS, Fact, Paper
from eval.items import Item

PAPERS: Final = 60
ASKED_EACH: Final = 2
UNANSWERABLE: Final = 20
FOREIGN_SHARE: Final = 0.1
"""So many questions are asked in the other language than the document's."""


def make(seed: int, folder: Path) -> list[Item]:
    """Draw the documents of a seed into `folder`."""
    dice = Dice(seed, "documents")
    kinds = list(KINDS)
    harmed = _places(dice, PAPERS // 3)
    lacking = _places(dice, UNANSWERABLE)
    damages = dice.shuffled(list(DAMAGES))
    asked: dict[str, int] = {}
    items: list[Item] = []
    for number in range(PAPERS):
        kind, lang = kinds[number % len(kinds)], ("en", "de")[number // len(kinds) % 2]
        own = Dice(seed, f"document {number}")
        paper = KINDS[kind](own, lang)
        stem, group = folder / f"{kind}-{number:02d}", kind
        if number in harmed:
            damage = damages[sorted(harmed).index(number) % len(damages)]
            group = f"{kind}, {damage}"
            path = save_damaged(paper.image, damage, own, stem)
        else:
            path = stem.with_suffix(".png")
            paper.image.save(path)
        part = "extract damaged" if number in harmed else "extract clean"
        base = Item(file=path.name, question="", part=part, group=group, text=paper.text)
        items += _asked(own, paper, base, asked, missing=number in lacking)
    return items


def _places(dice: Dice, count: int) -> set[int]:
    """`count` of the papers, spread evenly over kinds and languages."""
    step = PAPERS / count
    return {
        int(place * step + dice.real(0, step)) if step >= 1 else place for place in range(count)
    }


def _asked(
    dice: Dice, paper: Paper, base: Item, asked: dict[str, int], *, missing: bool
) -> list[Item]:
    """Two questions on one paper; fields that were asked least come first."""
    facts = sorted(dice.shuffled(paper.facts), key=lambda fact: asked.get(fact.key, 0))
    chosen: list[Fact] = []
    for fact in facts:
        if fact.key not in {other.key for other in chosen} or paper.facts[0].key == "cell":
            chosen.append(fact)
    missing = missing and bool(paper.absent)
    chosen = chosen[: ASKED_EACH - int(missing)]
    items: list[Item] = []
    for fact in chosen:
        asked[fact.key] = asked.get(fact.key, 0) + 1
        lang = paper.lang
        if dice.chance(FOREIGN_SHARE):
            lang = "de" if lang == "en" else "en"
        items.append(_item(base, len(items), fact.question(dice, lang), fact.answers))
    if missing:
        answers = [answer for fact in paper.facts for answer in fact.answers]
        item = _item(base, len(items), dice.pick(paper.absent), [])
        items.append(replace(item, answerable=False, values=answers))
    return items


def _item(base: Item, number: int, question: str, answers: list[str]) -> Item:
    return replace(
        base, id=f"{Path(base.file).stem}-{number}", question=question, answers=answers
    )
