"""Twenty pages to read: four fonts, 11 pt at 150 dpi, two languages, four layouts.

The printed order is unmistakable on purpose: columns have a wide gutter, a table is read row by
row, and an invoice has no two blocks side by side. What is measured is reading, not taste.
"""

from decimal import Decimal
from pathlib import Path
from typing import Final

from eval import words
from eval.dice import Dice
from eval.items import Item
from eval.sheet import Sheet, blank

PAGES: Final = 20
A4_150_DPI: Final = (1240, 1754)
BODY_PX: Final = 23
"""11 pt at 150 dpi: 11 / 72 * 150 = 22.9."""
MARGIN_PX: Final = 120
LAYOUTS: Final = ("column", "columns", "table", "invoice")
SANS: Final = ("DejaVu Sans", "Liberation Sans", "FreeSans")
SERIF: Final = ("DejaVu Serif", "Liberation Serif", "FreeSerif")
ASKED: Final = {
    "en": (
        "Transcribe all the text in this picture, word for word.",
        "What does it say?",
        "Read the text on this page and give it back verbatim.",
    ),
    "de": (
        "Gib den gesamten Text auf diesem Bild wörtlich wieder.",
        "Was steht auf diesem Bild?",
        "Lies den ganzen Text dieser Seite vor, Wort für Wort.",
    ),
}


def make(seed: int, folder: Path) -> list[Item]:
    """Draw the pages of a seed into `folder`."""
    dice = Dice(seed, "pages")
    faces = dice.shuffled([*dice.some(SANS, 2), *dice.some(SERIF, 2)])
    items: list[Item] = []
    for number in range(PAGES):
        layout, lang = LAYOUTS[number % 4], ("en", "de")[number // 4 % 2]
        face = faces[(number + number // 4) % 4]
        sheet = blank(A4_150_DPI, dice, face=face, size_px=BODY_PX)
        DRAWN[layout](sheet, dice, lang)
        name = f"page-{number:02d}.png"
        sheet.image.save(folder / name)
        items.append(
            Item(
                id=f"ocr-{number:02d}",
                part="ocr",
                group=f"{layout} {lang} {face}",
                rule="transcript",
                file=name,
                question=ASKED[lang][number // 8 % 3],
                text="\n".join(sheet.printed),
            )
        )
    return items


def prose(sheet: Sheet, text: str, left: int, right: int, top: int) -> int:
    """A paragraph in lines; returns the y under it."""
    y = top
    for line in sheet.wrapped(text, right - left):
        y = sheet.say((left, y), line)
    return y


def _heading(sheet: Sheet, dice: Dice, lang: str) -> int:
    title = words.company(dice, lang)
    style = sheet.font(scale=dice.real(1.4, 1.9), bold=True)
    return sheet.say((MARGIN_PX, MARGIN_PX - 20), title, style=style) + 24


def _column(sheet: Sheet, dice: Dice, lang: str) -> None:
    y, bottom = _heading(sheet, dice, lang), A4_150_DPI[1] - 330
    while y < bottom:
        text = words.paragraph(dice, lang, dice.between(2, 4))
        y = prose(sheet, text, MARGIN_PX, A4_150_DPI[0] - MARGIN_PX, y) + 22


def _columns(sheet: Sheet, dice: Dice, lang: str) -> None:
    top = _heading(sheet, dice, lang)
    gutter, middle = dice.between(50, 80), A4_150_DPI[0] // 2
    for left, right in (
        (MARGIN_PX, middle - gutter // 2),
        (middle + gutter // 2, A4_150_DPI[0] - MARGIN_PX),
    ):
        y = top
        while y < A4_150_DPI[1] - 520:
            text = words.paragraph(dice, lang, dice.between(1, 3))
            y = prose(sheet, text, left, right, y) + 20


def _rows(sheet: Sheet, rows: list[list[str]], top: int, *, ruled: bool) -> int:
    """A table over the whole width; the first column is wide, numbers stand to the right."""
    left, right = MARGIN_PX, A4_150_DPI[0] - MARGIN_PX
    width = (right - left) / (len(rows[0]) + 1)
    y, step = top, 46
    for row in rows:
        bold = row is rows[0]
        sheet.say((left + 10, y + 8), row[0], style=sheet.font(bold=bold))
        for place, cell in enumerate(row[1:], 2):
            edge = left + width * (place + 1) - 12 - width
            sheet.say((edge + width, y + 8), cell, style=sheet.font(bold=bold), anchor="ra")
        if ruled or bold:
            sheet.rule(y + step, left, right)
        y += step
    return y + 30


def _goods_rows(dice: Dice, lang: str, count: int, style: str) -> list[list[str]]:
    rows = [
        ["Article", "Quantity", "Price", "Amount"]
        if lang == "en"
        else ["Artikel", "Menge", "Preis", "Betrag"]
    ]
    for name in words.several(dice, words.GOODS, lang, count):
        price, quantity = Decimal(dice.between(150, 29900)) / 100, dice.between(1, 40)
        rows.append(
            [
                name,
                str(quantity),
                words.money(price, style),
                words.money(price * quantity, style),
            ]
        )
    return rows


def _table(sheet: Sheet, dice: Dice, lang: str) -> None:
    y = _heading(sheet, dice, lang)
    y = prose(sheet, words.sentence(dice, lang), MARGIN_PX, A4_150_DPI[0] - MARGIN_PX, y) + 20
    style = dice.pick(["bare"] if lang == "de" else ["point"])
    rows = _goods_rows(dice, lang, dice.between(14, 20), style)
    y = _rows(sheet, rows, y, ruled=dice.chance(0.5))
    prose(sheet, words.paragraph(dice, lang, 2), MARGIN_PX, A4_150_DPI[0] - MARGIN_PX, y)


def _invoice(sheet: Sheet, dice: Dice, lang: str) -> None:
    y = _heading(sheet, dice, lang)
    for line in (words.person(dice), words.street(dice, lang), words.town(dice, lang)):
        y = sheet.say((MARGIN_PX, y), line)
    y += 30
    style = dice.pick(words.date_styles(lang))
    date = words.written_day(words.day(dice), style, lang)
    number = f"{dice.pick(['RE', 'INV', 'R'])}-{dice.between(2020, 2026)}-{dice.digits(4)}"
    named = ("Invoice number", "Invoice date") if lang == "en" else ("Rechnungsnummer", "Datum")
    for label, value in zip(named, (number, date), strict=True):
        y = sheet.say((MARGIN_PX, y), f"{label}: {value}")
    notation = dice.pick(["EUR", "bare"] if lang == "de" else ["point", "£"])
    y = _rows(sheet, _goods_rows(dice, lang, dice.between(6, 10), notation), y + 30, ruled=True)
    total = words.money(Decimal(dice.between(20000, 900000)) / 100, notation)
    label = "Amount due" if lang == "en" else "Gesamtbetrag"
    y = sheet.say((MARGIN_PX, y), f"{label}: {total}", style=sheet.font(bold=True)) + 20
    y = (
        prose(sheet, words.paragraph(dice, lang, 2), MARGIN_PX, A4_150_DPI[0] - MARGIN_PX, y)
        + 30
    )
    sheet.say((MARGIN_PX, y), f"IBAN: {words.iban(dice)}")


DRAWN: Final = {
    "column": _column,
    "columns": _columns,
    "table": _table,
    "invoice": _invoice,
}
