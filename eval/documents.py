"""Invoices, receipts, letters, forms, tables and labels with known content, and questions.

Every paper says which of its fields can be asked for and which of the usual ones it lacks, so
that a question about what is not there is as natural as the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from PIL import Image

from eval import words
from eval.dice import Dice
from eval.sheet import Sheet, blank
from eval.vocabulary import ABSENT, LABELS, MISSING, QUESTIONS, TITLES


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is printed: what it is, what it is of, and every accepted spelling."""

    key: str
    answers: list[str]
    row: str = ""
    column: str = ""

    def question(self, dice: Dice, lang: str) -> str:
        """One way to ask for it."""
        wording = dice.pick(QUESTIONS[self.key][lang])
        return wording.format(row=self.row, column=self.column)


@dataclass(frozen=True, slots=True)
class Paper:
    """A drawn document."""

    image: Image.Image
    lang: str
    text: str
    facts: list[Fact]
    absent: list[str]
    """Questions about what is not there, ready to ask."""


@dataclass(slots=True)
class Maker:
    """Draws one document: where the facts are gathered while they are printed."""

    sheet: Sheet
    dice: Dice
    lang: str
    facts: list[Fact] = field(default_factory=list)
    money_style: str = ""
    date_style: str = ""

    def label(self, key: str) -> str:
        """A wording of a field's name."""
        return self.dice.pick(LABELS[key][self.lang])

    def know(self, key: str, *answers: str, row: str = "", column: str = "") -> None:
        """Remember what was printed. A town is itself with or without its postcode."""
        if key == "town":
            answers += tuple(name for name in words.cities(self.lang) if name in answers[0])
        self.facts.append(Fact(key, list(answers), row, column))

    def money(self, amount: Decimal) -> str:
        """The amount in this document's notation."""
        return words.money(amount, self.money_style)

    def day(self) -> str:
        """A date in this document's notation."""
        return words.written_day(words.day(self.dice), self.date_style, self.lang)

    def paper(self, bottom: float, *, kind: str) -> Paper:
        """The finished document, cut off below its last line."""
        present = {fact.key for fact in self.facts}
        absent = [
            self.dice.pick(MISSING[key][self.lang])
            for key in ABSENT[kind]
            if key not in present
        ]
        return Paper(
            self.sheet.cropped(bottom),
            self.lang,
            "\n".join(self.sheet.printed),
            self.facts,
            absent,
        )


def value_of(maker: Maker, key: str) -> str:
    """A value for a field that stands on its own."""
    dice, lang = maker.dice, maker.lang
    makers: dict[str, Callable[[], str]] = {
        "invoice_no": lambda: _reference(dice, ("RE", "INV", "R", "F")),
        "customer_no": lambda: dice.pick([dice.digits(6), f"K-{dice.digits(5)}"]),
        "order_no": lambda: _reference(dice, ("PO", "AB", "B", "ORD")),
        "invoice_date": maker.day,
        "due_date": maker.day,
        "delivery_date": maker.day,
        "contact": lambda: words.person(dice),
        "phone": lambda: words.phone(dice),
        "email": lambda: _address(dice, lang),
        "iban": lambda: words.iban(dice),
        "tax_id": lambda: f"DE{dice.digits(9)}" if lang == "de" else f"GB{dice.digits(9)}",
        "reference": lambda: _reference(dice, ("AZ", "SB", "TK", "Ref")),
        "surname": lambda: dice.pick(words.LAST),
        "first_name": lambda: dice.pick(words.FIRST),
        "birth": lambda: words.written_day(
            words.day(dice, (1950, 2004)), maker.date_style, lang
        ),
        "street": lambda: words.street(dice, lang),
        "town": lambda: words.town(dice, lang),
        "job": lambda: dice.pick(words.JOBS[lang].split("|")),
        "policy": lambda: f"{dice.digits(3)}-{dice.digits(6)}-{dice.digits(1)}",
        "lot": lambda: f"L{dice.digits(2)}{dice.pick('ABCDEK')}{dice.digits(3)}",
        "best_before": maker.day,
        "article_no": lambda: f"{dice.digits(3)}.{dice.digits(3)}.{dice.digits(2)}",
        "weight": lambda: f"{dice.pick([125, 250, 330, 400, 500, 750, 850])} g",
        "tracking": lambda: f"{dice.pick(['JD', 'ZX', 'RR'])}{dice.digits(10)}",
        "origin": lambda: dice.pick(words.ORIGINS[lang].split("|")),
    }
    return makers[key]()


def _reference(dice: Dice, prefixes: tuple[str, ...]) -> str:
    prefix = dice.pick(prefixes)
    return dice.pick(
        [
            f"{prefix}-{dice.between(2020, 2026)}-{dice.digits(4)}",
            f"{prefix}{dice.digits(6)}",
            f"{dice.between(2020, 2026)}/{dice.digits(5)}",
            f"{prefix}-{dice.digits(5)}",
        ]
    )


def _address(dice: Dice, lang: str) -> str:
    host = words.ascii_of(words.one(dice, words.COMPANY_A, lang))
    box = dice.pick(["info", "office", "service", "kontakt", "rechnung"])
    return f"{box}@{host}.{dice.pick(['de', 'example', 'org', 'eu'])}"


def _start(dice: Dice, lang: str, size: tuple[int, int], size_px: int) -> Maker:
    sheet = blank(size, dice, size_px=size_px)
    return Maker(
        sheet,
        dice,
        lang,
        money_style=dice.pick(words.money_styles(lang)),
        date_style=dice.pick(words.date_styles(lang)),
    )


# --- Blocks that several documents share -----------------------------------------------------


def _head(maker: Maker, title: str) -> int:
    """The sender's name and the title, in one of several arrangements."""
    sheet, dice = maker.sheet, maker.dice
    name, width = words.company(dice, maker.lang), sheet.image.width
    maker.know("vendor", name)
    style, large = sheet.font(scale=1.5, bold=True), sheet.font(scale=1.8, bold=True)
    if dice.chance(0.3):
        tint = dice.pick([(30, 60, 110), (20, 90, 70), (120, 30, 40), (60, 60, 66)])
        sheet.draw.rectangle([0, 0, width, 90], fill=tint)
        sheet.say((60, 28), name, style=style, ink=(255, 255, 255))
        y = 120
    else:
        anchor, x = dice.pick([("la", 60), ("ma", width // 2), ("ra", width - 60)])
        y = sheet.say((x, 50), name, style=style, anchor=anchor)
    small = f"{words.street(dice, maker.lang)}, {words.town(dice, maker.lang)}"
    y = sheet.say((60, y), small, style=sheet.font(scale=0.8)) + 26
    return sheet.say((60, y), title, style=large) + 16


def _meta(maker: Maker, keys: list[str], top: int) -> int:
    """Labelled values: in lines, in two aligned columns, to the right, or in boxes."""
    sheet, dice = maker.sheet, maker.dice
    pairs = [(maker.label(key), value_of(maker, key)) for key in keys]
    for key, (_, value) in zip(keys, pairs, strict=True):
        maker.know(key, value)
    arrangement = dice.pick(["lines", "aligned", "right", "boxes"])
    if arrangement == "boxes":
        return _boxes(sheet, pairs, top)
    widest = max(sheet.width(label) for label, _ in pairs) + 50
    left = 60 if arrangement != "right" else sheet.image.width // 2
    y, colon = top, dice.pick([":", ":", ""])
    for label, value in pairs:
        if arrangement == "lines":
            y = sheet.say((left, y), f"{label}{colon or ':'} {value}")
        else:
            sheet.say((left, y), f"{label}{colon}")
            y = sheet.say((left + widest, y), value)
    return y + 20


def _boxes(sheet: Sheet, pairs: list[tuple[str, str]], top: int) -> int:
    """Label above value, several side by side."""
    y, small = top, sheet.font(scale=0.75)
    width = (sheet.image.width - 120) // 2
    for place, (label, value) in enumerate(pairs):
        x = 60 + place % 2 * width
        sheet.draw.rectangle([x, y, x + width - 12, y + 76], outline=(150, 150, 150), width=2)
        sheet.say((x + 12, y + 8), label, style=small)
        sheet.say((x + 12, y + 36), value)
        if place % 2 or place == len(pairs) - 1:
            y += 92
    return y + 14


def _goods(maker: Maker, top: int, count: int) -> tuple[int, Decimal]:
    """The table of articles; returns the y under it and the sum."""
    sheet, dice, lang = maker.sheet, maker.dice, maker.lang
    columns = ["item", *dice.shuffled(["quantity", "price"]), "amount"]
    if dice.chance(0.4):
        columns.insert(0, "position")
    heads = {key: dice.pick(LABELS[f"col_{key}"][lang]) for key in columns}
    edges = _edges(columns, sheet.image.width)
    y, total, ruled = top, Decimal(0), dice.chance(0.5)
    if dice.chance(0.5):
        tint = (226, 230, 236)
        sheet.draw.rectangle([54, y - 4, sheet.image.width - 54, y + 36], fill=tint)
    for key in columns:
        _cell(sheet, heads[key], edges[key], y, bold=True)
    y += 50
    for number, name in enumerate(words.several(dice, words.GOODS, lang, count), 1):
        quantity, price = dice.between(1, 24), Decimal(dice.between(180, 24900)) / 100
        amount = quantity * price
        total += amount
        row = {
            "position": str(number),
            "item": name,
            "quantity": str(quantity),
            "price": maker.money(price),
            "amount": maker.money(amount),
        }
        for key in columns:
            _cell(sheet, row[key], edges[key], y, bold=False)
        maker.know("item_price", row["price"], row=name)
        maker.know("item_quantity", row["quantity"], row=name)
        if quantity > 1:
            maker.know("item_amount", row["amount"], row=name)
        y += 40
        if ruled:
            sheet.rule(y - 6, 54, sheet.image.width - 54, ink=(190, 190, 190))
    return y + 18, total


def _edges(columns: list[str], width: int) -> dict[str, tuple[int, str]]:
    """Where each column stands and how it is aligned."""
    x = 60
    edges: dict[str, tuple[int, str]] = {}
    if columns[0] == "position":
        edges["position"] = (x, "la")
        x += 80
    edges["item"] = (x, "la")
    numeric = [key for key in columns if key not in edges]
    room = (width - 60 - x - 270) // len(numeric)
    for place, key in enumerate(numeric, 1):
        edges[key] = (x + 270 + room * place, "ra")
    return edges


def _cell(sheet: Sheet, text: str, edge: tuple[int, str], y: int, *, bold: bool) -> None:
    sheet.say((edge[0], y), text, style=sheet.font(bold=bold), anchor=edge[1])


def _sums(maker: Maker, top: int, net: Decimal) -> int:
    """Net, tax and total at the foot, sometimes a discount and shipping among them."""
    sheet, dice = maker.sheet, maker.dice
    lines = [("net", net)]
    if dice.chance(0.35):
        lines.append(("shipping", Decimal(dice.between(390, 2990)) / 100))
    if dice.chance(0.3):
        lines.append(("discount", -(net * dice.between(2, 10) / 100).quantize(Decimal("0.01"))))
    base = sum((amount for _, amount in lines), Decimal(0))
    rate = dice.pick([19, 7] if maker.lang == "de" else [20, 5])
    lines.append(("vat", (base * rate / 100).quantize(Decimal("0.01"))))
    total = base + lines[-1][1]
    maker.know("vat_rate", f"{rate} %")
    left, right, y = sheet.image.width - 500, sheet.image.width - 60, top
    for key, amount in [*lines, ("total", total)]:
        bold = key == "total"
        label = maker.label(key) + (f" {rate} %" if key == "vat" else "")
        text = maker.money(abs(amount))
        sign = "-" if amount < 0 else ""
        maker.know(key, *dict.fromkeys([text, sign + text]))
        sheet.say((left, y), label, style=sheet.font(bold=bold))
        sheet.say((right, y), sign + text, style=sheet.font(bold=bold), anchor="ra")
        y += 38
    return y + 24


# --- Documents -------------------------------------------------------------------------------


def invoice(dice: Dice, lang: str) -> Paper:
    """Sender, recipient, references, articles, sums, bank."""
    maker = _start(dice, lang, (1060, 1700), dice.between(20, 23))
    sheet = maker.sheet
    y = _head(maker, dice.pick(TITLES["invoice"][lang]))
    optional = dice.some(["due_date", "delivery_date", "customer_no", "order_no", "contact"], 2)
    keys = dice.shuffled(["invoice_no", "invoice_date", *optional])

    def addressee(top: int) -> int:
        for line in (words.person(dice), words.street(dice, lang), words.town(dice, lang)):
            top = sheet.say((60, top), line)
        return top + 20

    blocks = [addressee, lambda top: _meta(maker, keys, top)]
    for block in dice.shuffled(blocks):
        y = block(y)
    y, net = _goods(maker, y + 10, dice.between(3, 6))
    y = _sums(maker, y, net)
    foot = dice.some(["iban", "phone", "email", "tax_id"], 2)
    for key in foot:
        value = value_of(maker, key)
        maker.know(key, value)
        y = sheet.say((60, y), f"{maker.label(key)}: {value}", style=sheet.font(scale=0.85))
    return maker.paper(y + 40, kind="invoice")


def receipt(dice: Dice, lang: str) -> Paper:
    """A narrow till slip."""
    maker = _start(dice, lang, (560, 1400), dice.between(20, 23))
    sheet = maker.sheet
    maker.money_style = "bare" if lang == "de" else dice.pick(["point", "£"])
    name = words.company(dice, lang)
    maker.know("vendor", name)
    y = 30
    for line in sheet.wrapped(name, 460, sheet.font(scale=1.2, bold=True)):
        y = sheet.say((280, y), line, style=sheet.font(scale=1.2, bold=True), anchor="ma")
    y = sheet.say((280, y), words.street(dice, lang), anchor="ma")
    y = sheet.say((280, y), words.town(dice, lang), anchor="ma") + 20
    total = Decimal(0)
    for food in words.several(dice, words.FOODS, lang, dice.between(4, 8)):
        price = Decimal(dice.between(59, 2199)) / 100
        total += price
        sheet.say((40, y), food)
        y = sheet.say((520, y), maker.money(price), anchor="ra")
        maker.know("food_price", maker.money(price), row=food)
    sheet.rule(y + 4, 40, 520)
    y = _paid(maker, y + 16, total)
    date, time = maker.day(), f"{dice.between(7, 21):02d}:{dice.between(0, 59):02d}"
    maker.know("receipt_date", date)
    maker.know("time", time)
    y = sheet.say((40, y + 14), f"{date}   {time}")
    if dice.chance(0.6):
        number = dice.digits(dice.between(4, 6))
        maker.know("receipt_no", number)
        y = sheet.say((40, y), f"{maker.label('receipt_no')} {number}")
    y = sheet.say((280, y + 10), dice.pick(TITLES["thanks"][lang]), anchor="ma")
    return maker.paper(y + 20, kind="receipt")


def _paid(maker: Maker, y: int, total: Decimal) -> int:
    sheet, dice = maker.sheet, maker.dice
    lines = [("total", total)]
    if dice.chance(0.6):
        given = Decimal((int(total) // 10 + 1) * 10)
        lines += [("given", given), ("change", given - total)]
    for key, amount in lines:
        text = maker.money(amount)
        maker.know(key, text)
        style = sheet.font(bold=key == "total")
        sheet.say((40, y), maker.label(key), style=style)
        y = sheet.say((520, y), text, style=style, anchor="ra")
    return y


def letter(dice: Dice, lang: str) -> Paper:
    """A business letter: facts in lines of their own, and two inside sentences."""
    maker = _start(dice, lang, (1060, 1500), dice.between(20, 23))
    sheet = maker.sheet
    name = words.company(dice, lang)
    maker.know("vendor", name)
    y = sheet.say((60, 50), name, style=sheet.font(scale=1.3, bold=True)) + 24
    for line in (words.person(dice), words.street(dice, lang), words.town(dice, lang)):
        y = sheet.say((60, y), line)
    keys = dice.some(["reference", "contact", "phone", "email", "customer_no"], 3)
    y = _meta(maker, keys, y + 24)
    date = maker.day()
    maker.know("letter_date", date)
    place = words.one(dice, words.CITIES, lang)
    y = sheet.say((sheet.image.width - 60, y), f"{place}, {date}", anchor="ra") + 20
    subject = dice.pick(TITLES["subject"][lang])
    maker.know("subject", subject)
    y = sheet.say((60, y), subject, style=sheet.font(bold=True)) + 16
    amount = maker.money(Decimal(dice.between(5000, 480000)) / 100)
    deadline = maker.day()
    maker.know("letter_amount", amount)
    maker.know("deadline", deadline)
    body = dice.pick(TITLES["body"][lang]).format(amount=amount, deadline=deadline)
    paragraphs = [words.paragraph(dice, lang, 2), body, dice.pick(TITLES["plain"][lang])]
    for paragraph in paragraphs:
        for line in sheet.wrapped(paragraph, sheet.image.width - 120):
            y = sheet.say((60, y), line)
        y += 16
    signer = words.person(dice)
    maker.know("signer", signer)
    y = sheet.say((60, y), dice.pick(TITLES["greeting"][lang])) + 40
    return maker.paper(sheet.say((60, y), signer) + 30, kind="letter")


def form(dice: Dice, lang: str) -> Paper:
    """A filled-in form: values beside, in or under their labels."""
    maker = _start(dice, lang, (1000, 1300), dice.between(21, 24))
    sheet = maker.sheet
    y = sheet.say(
        (60, 50), dice.pick(TITLES["form"][lang]), style=sheet.font(scale=1.6, bold=True)
    )
    keys = [
        "surname",
        "first_name",
        "birth",
        "street",
        "town",
        "phone",
        "email",
        "job",
        "policy",
    ]
    keys = [
        key for key in keys if key in {"surname", "first_name", "birth"} or dice.chance(0.6)
    ]
    beside, boxed = dice.chance(0.5), dice.chance(0.7)
    written = sheet.font() if dice.chance(0.5) else sheet.font(scale=1.1)
    y += 30
    for key in keys:
        label, value = maker.label(key), value_of(maker, key)
        maker.know(key, value)
        x, top = (360, y) if beside else (60, y + 32)
        sheet.say((60, y), label, style=sheet.font(scale=1.0 if beside else 0.8))
        if boxed:
            box = [x - 10, top - 8, sheet.image.width - 80, top + 36]
            sheet.draw.rectangle(box, outline=(120, 120, 120), width=2)
        else:
            sheet.rule(top + 34, x, sheet.image.width - 80, ink=(120, 120, 120))
        sheet.say((x, top), value, style=written, ink=(20, 30, 120))
        y = top + 58
    return maker.paper(y + 30, kind="form")


def table(dice: Dice, lang: str) -> Paper:
    """Rows and columns with names: figures by town and year, or by article and size."""
    maker = _start(dice, lang, (1060, 1000), dice.between(20, 23))
    sheet = maker.sheet
    y = sheet.say(
        (60, 40), dice.pick(TITLES["table"][lang]), style=sheet.font(scale=1.3, bold=True)
    )
    names = words.several(dice, words.CITIES, lang, dice.between(5, 8))
    start = dice.between(2010, 2022)
    heads = [str(start + step) for step in range(dice.between(3, 5))]
    if dice.chance(0.5):
        heads = dice.some(TITLES["columns"][lang], dice.between(3, 4))
    first, right = dice.pick(TITLES["corner"][lang]), sheet.image.width - 60
    step = (right - 300) / len(heads)
    ruled, striped, decimals = dice.chance(0.5), dice.chance(0.4), dice.chance(0.3)
    y += 20
    for number, row in enumerate([first, *names]):
        if striped and number % 2:
            sheet.draw.rectangle([50, y - 6, right + 10, y + 36], fill=(232, 236, 240))
        style = sheet.font(bold=number == 0)
        sheet.say((60, y), row, style=style)
        for place, head in enumerate(heads, 1):
            text = head if number == 0 else _figure(dice, lang, decimals=decimals)
            sheet.say((300 + step * place, y), text, style=style, anchor="ra")
            if number:
                maker.know("cell", text, row=row, column=head)
        y += 44
        if ruled or number == 0:
            sheet.rule(y - 6, 50, right + 10)
    lacking = [name for name in words.CITIES[lang].split("|") if name not in names]
    question = dice.pick(QUESTIONS["cell"][lang])
    absent = question.format(row=dice.pick(lacking), column=dice.pick(heads))
    paper = maker.paper(y + 30, kind="table")
    return Paper(paper.image, lang, paper.text, paper.facts, [absent])


def _figure(dice: Dice, lang: str, *, decimals: bool) -> str:
    if decimals:
        text = f"{dice.between(1, 99)}.{dice.between(0, 9)}"
        return text.replace(".", ",") if lang == "de" else text
    number = dice.between(12, 9999)
    grouped = f"{number:,}"
    return grouped.replace(",", ".") if lang == "de" else grouped


def label(dice: Dice, lang: str) -> Paper:
    """What sticks on a jar or on a parcel."""
    maker = _start(dice, lang, (820, 720), dice.between(21, 26))
    sheet = maker.sheet
    sheet.draw.rectangle([14, 14, 805, 705], outline=sheet.ink, width=3)
    product = words.one(dice, words.FOODS, lang)
    maker.know("product", product)
    y = sheet.say((410, 40), product, style=sheet.font(scale=1.9, bold=True), anchor="ma") + 10
    y = sheet.say((410, y), words.company(dice, lang), anchor="ma") + 16
    keys = ["lot", "best_before", "article_no", "weight", "tracking", "origin"]
    keys = dice.some(keys, dice.between(3, 5))
    aligned = dice.chance(0.5)
    for key in keys:
        value, name = value_of(maker, key), maker.label(key)
        maker.know(key, value)
        if aligned:
            sheet.say((50, y), name)
            y = sheet.say((380, y), value, style=sheet.font(bold=True)) + 6
        else:
            y = sheet.say((50, y), f"{name}: {value}") + 6
    if dice.chance(0.6):
        price = maker.money(Decimal(dice.between(99, 2999)) / 100)
        maker.know("price", price)
        y = sheet.say((760, y + 8), price, style=sheet.font(scale=2.2, bold=True), anchor="ra")
    sheet.draw.rectangle([14, y + 14, 805, y + 17], fill=sheet.ink)
    return maker.paper(y + 24, kind="label")


KINDS: Final[dict[str, Callable[[Dice, str], Paper]]] = {
    "invoice": invoice,
    "receipt": receipt,
    "letter": letter,
    "form": form,
    "table": table,
    "label": label,
}
