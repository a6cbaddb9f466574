# ruff: noqa: E501, PLR2004 - lists of names read best as one row; distances on paper are their own names
"""Codes, plain colours, counted shapes, photos, charts, languages, pairs and second turns."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import cos, pi, sin
from pathlib import Path
from typing import Final

import numpy as np
import skimage.data
import sklearn.datasets
import zxingcpp
from PIL import Image, ImageDraw

from eval import words
from eval.dice import Dice
from eval.items import Item
from eval.sheet import Sheet, blank

PAINT: Final = {
    "red": ((215, 35, 40), "rot", "rote"),
    "green": ((40, 160, 70), "grün", "grüne"),
    "blue": ((40, 80, 205), "blau", "blaue"),
    "yellow": ((245, 215, 40), "gelb", "gelbe"),
    "orange": ((245, 140, 30), "orange", "orange"),
    "purple": ((130, 50, 160), "lila", "lila"),
    "brown": ((125, 75, 35), "braun", "braune"),
    "pink": ((245, 130, 185), "rosa", "rosa"),
    "black": ((12, 12, 12), "schwarz", "schwarze"),
    "white": ((250, 250, 250), "weiß", "weiße"),
    "grey": ((128, 128, 128), "grau", "graue"),
}
FIGURES: Final = {
    "circle": ("circles", "Kreise"),
    "square": ("squares", "Quadrate"),
    "triangle": ("triangles", "Dreiecke"),
    "star": ("stars", "Sterne"),
}


def codes(seed: int, folder: Path) -> list[Item]:
    """QR and bar codes, alone and on a page, upright and lying."""
    dice = Dice(seed, "codes")
    kinds = ["QRCode", "QRCode", "QRCode", "QRCode", "Code128", "Code128", "EAN13", "EAN13"]
    items: list[Item] = []
    for number, kind in enumerate([*kinds, "Code39", "ITF"]):
        content = _content(dice, kind, number)
        drawn = zxingcpp.create_barcode(content, getattr(zxingcpp.BarcodeFormat, kind))
        small = Image.fromarray(np.array(drawn.to_image(scale=dice.between(3, 6))))
        sheet = blank((max(900, small.width + 80), small.height + 240), dice)
        sheet.say((60, 30), words.sentence(dice, ("en", "de")[number % 2])[:50])
        sheet.image.paste(small.convert("RGB"), (dice.between(20, 60), 110))
        image = sheet.image.rotate(90, expand=True) if number in {2, 5} else sheet.image
        image.save(folder / f"code-{number:02d}.png")
        name = "QR code" if kind == "QRCode" else "barcode"
        asked = (
            f"What does the {name} contain?",
            f"Was steht in dem {'QR-Code' if kind == 'QRCode' else 'Strichcode'}?",
        )
        items.append(
            Item(
                id=f"code-{number:02d}",
                part="codes",
                group=kind,
                rule="exact",
                file=f"code-{number:02d}.png",
                question=asked[number % 2],
                answers=[drawn.text],
            )
        )
    return items


def _content(dice: Dice, kind: str, number: int) -> str:
    if kind == "EAN13":
        stem = dice.digits(12)
        odd, even = (sum(int(digit) for digit in stem[at::2]) for at in (0, 1))
        return f"{stem}{-(odd + 3 * even) % 10}"
    if kind == "ITF":
        return dice.digits(14)
    if kind == "QRCode":
        return [
            f"https://{words.ascii_of(dice.pick(words.LAST))}.example/p/{dice.digits(5)}",
            f"Tisch {dice.between(1, 80)} {dice.pick(words.FIRST)}",
            dice.digits(18),
            f"ORDER-{dice.digits(7)}",
        ][number % 4]
    return f"{dice.pick(['AB', 'KX', 'ZT'])}{dice.digits(7)}"


def colours(seed: int, folder: Path) -> list[Item]:
    """One colour and nothing else, a little off its textbook value."""
    dice = Dice(seed, "colours")
    items: list[Item] = []
    for number, (name, (rgb, german, _)) in enumerate(PAINT.items()):
        near = tuple(max(0, min(255, value + dice.between(-6, 6))) for value in rgb)
        size = (dice.between(120, 700), dice.between(120, 700))
        Image.new("RGB", size, near).save(folder / f"colour-{name}.png")
        asked = (
            dice.pick(["What colour is this picture?", "What color is this?"]),
            dice.pick(["Welche Farbe hat das Bild?", "Welche Farbe ist zu sehen?"]),
        )
        answers = [name, german, *(["violet", "violett"] if name == "purple" else [])]
        items.append(
            Item(
                id=f"colour-{name}",
                part="colours",
                group=name,
                file=f"colour-{name}.png",
                question=asked[number % 2],
                answers=answers,
            )
        )
    return items


def _figure(
    pen: ImageDraw.ImageDraw, kind: str, box: tuple[int, int, int], paint: object
) -> None:
    """A figure in a square box (centre x, centre y, radius)."""
    x, y, radius = box
    if kind == "circle":
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=paint)
        return
    if kind == "square":
        pen.rectangle([x - radius, y - radius, x + radius, y + radius], fill=paint)
        return
    corners = 3 if kind == "triangle" else 10
    reach = [
        radius if corners == 3 or not place % 2 else radius * 0.42 for place in range(corners)
    ]
    angles = [2 * pi * place / corners - pi / 2 for place in range(corners)]
    pen.polygon(
        [(x + r * cos(a), y + r * sin(a)) for r, a in zip(reach, angles, strict=True)],
        fill=paint,
    )


def shapes(seed: int, folder: Path) -> list[Item]:
    """Twenty plain grounds with figures; how many of one kind, or of one kind and colour."""
    dice = Dice(seed, "shapes")
    items: list[Item] = []
    for number in range(20):
        shade = dice.pick([(255, 255, 255), (240, 240, 232), (222, 230, 240), (30, 32, 40)])
        names = ["red", "green", "blue", "yellow", "orange", "purple"]
        tints, kinds = dice.some(names, 3), dice.some(list(FIGURES), 2)
        image = Image.new("RGB", (720, 540), shade)
        places = [(x, y) for x in range(90, 720, 135) for y in range(90, 540, 120)]
        drawn: list[tuple[str, str]] = []
        for x, y in dice.some(places, dice.between(4, 14)):
            kind, tint = dice.pick(kinds), dice.pick(tints)
            spot = (x + dice.between(-8, 8), y + dice.between(-8, 8), dice.between(24, 46))
            _figure(ImageDraw.Draw(image), kind, spot, PAINT[tint][0])
            drawn.append((kind, tint))
        image.save(folder / f"shapes-{number:02d}.png")
        kind, tint = dice.pick(drawn)
        coloured, german = dice.chance(0.6), number % 2 == 1
        count = sum(other == kind and (not coloured or at == tint) for other, at in drawn)
        english = f"How many {tint + ' ' if coloured else ''}{FIGURES[kind][0]} are there?"
        adjective = PAINT[tint][2] + " " if coloured else ""
        question = (
            f"Wie viele {adjective}{FIGURES[kind][1]} sind zu sehen?" if german else english
        )
        items.append(
            Item(
                id=f"shapes-{number:02d}",
                part="shapes",
                group=kind,
                file=f"shapes-{number:02d}.png",
                question=question,
                answers=[
                    str(count),
                    *(["ein", "eine", "einen", "einer"] if count == 1 else []),
                ],
            )
        )
    return items


_SEEN: Final[dict[str, str]] = {
    "astronaut": "astronaut|space suit|spacesuit|woman|person|portrait",
    "coffee": "espresso|coffee|cup|mug|Kaffee|Tasse",
    "chelsea": "cat|tabby|kitten|Katze",
    "rocket": "rocket|missile|launch|spacecraft|space shuttle|projectile",
    "camera": "tripod|camera|photographer|Stativ|Kamera",
    "motorcycle": "motorcycle|motorbike|moped|motor scooter|scooter|wheel|disc brake|Motorrad",
    "coins": "coin|money|Münze",
    "horse": "horse|sorrel|mare|stallion|Pferd",
    "china": "palace|temple|pagoda|pavilion|building|monastery|castle|Palast",
    "flower": "flower|dahlia|daisy|blossom|bloom|chrysanthemum|petal|Blume",
}
_CLAIMS: Final = (
    "football helmet|honeycomb|website|web site|stretcher|mask|bee|sea urchin|sea anemone|artichoke"
    "|cardoon|crash helmet|neck brace|soup bowl|chocolate sauce|bonnet|academic gown|military"
    " uniform|mortarboard|lab coat|bow tie|lipstick|syringe|paintbrush|ballpoint|screw|nail|button"
    "|combination lock|pill bottle|stopwatch|abaya|cloak|trench coat|rifle|crane|flagpole|lighthouse"
    "|beacon|obelisk|volcano|geyser|fountain|torch|matchstick|shield|hook|fish|ant|spider|dog"
    "|shopping cart|bicycle|tricycle|truck|envelope|menu|crossword"
)


def photos(seed: int, folder: Path) -> list[Item]:
    """The ten photographs that scikit-image and scikit-learn carry in their wheels."""
    del seed  # the photographs are what they are
    pairs: list[tuple[str, Callable[[], np.ndarray]]] = [
        (name, getattr(skimage.data, name))
        for name in ("astronaut", "coffee", "chelsea", "rocket", "camera", "coins", "horse")
    ]
    pairs.append(("motorcycle", lambda: skimage.data.stereo_motorcycle()[0]))
    pairs += [
        (name, lambda name=name: sklearn.datasets.load_sample_image(f"{name}.jpg"))
        for name in ("china", "flower")
    ]
    items: list[Item] = []
    for name, load in pairs:
        pixels = load()
        if pixels.dtype == bool:
            pixels = pixels.astype(np.uint8) * 255
        Image.fromarray(pixels).convert("RGB").save(folder / f"photo-{name}.jpg", quality=92)
        mine = _SEEN[name].split("|")
        wrong = [
            word for other, seen in _SEEN.items() if other != name for word in seen.split("|")
        ]
        items.append(
            Item(
                id=f"photo-{name}",
                part="photos",
                group=name,
                rule="photo",
                file=f"photo-{name}.jpg",
                question="What is in this image?",
                answers=mine,
                wrong=[
                    word
                    for word in [*wrong, *_CLAIMS.split("|")]
                    if word not in mine and word not in _COMMON
                ],
            )
        )
    return items


_COMMON: Final = frozenset(
    {"person", "building", "wheel", "portrait", "camera", "cup", "woman"}
)
"""Words that are true of several of the photographs."""


def charts(seed: int, folder: Path) -> list[Item]:
    """Bar charts with the value printed on every bar; two questions on each."""
    dice = Dice(seed, "charts")
    items: list[Item] = []
    for number in range(6):
        lang = ("en", "de")[number % 2]
        names = words.several(dice, words.CITIES, lang, dice.between(4, 6))
        values = dice.some(list(range(11, 99)), len(names))
        sheet = _chart(dice, names, values)
        file = f"chart-{number}.png"
        sheet.image.save(folder / file)
        at = dice.between(0, len(names) - 1)
        asked = {
            "en": (f"What value does {names[at]} have?", "Which bar is the highest?"),
            "de": (f"Welchen Wert hat {names[at]}?", "Welcher Balken ist der höchste?"),
        }[lang]
        answers = (str(values[at]), names[values.index(max(values))])
        for question, answer in zip(asked, answers, strict=True):
            items.append(
                Item(
                    id=f"chart-{number}-{len(items) % 2}",
                    part="charts",
                    file=file,
                    question=question,
                    answers=[answer],
                    text="\n".join(sheet.printed),
                )
            )
    return items


def _chart(dice: Dice, names: Sequence[str], values: Sequence[int]) -> Sheet:
    sheet = blank((900, 600), dice)
    tints = dice.some(list(PAINT)[:8], len(names))
    step = 800 // len(names)
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        x, top = 60 + step * place, 520 - value * 4
        sheet.draw.rectangle([x, top, x + step * 0.6, 520], fill=PAINT[tints[place]][0])
        sheet.say((x + step * 0.3, top - 30), str(value), anchor="ma")
        sheet.say((x + step * 0.3, 532), name, anchor="ma")
    sheet.rule(521, 40, 860)
    return sheet


def others(seed: int, folder: Path) -> list[Item]:
    """Language, comparison, second turns and presence: reported, without a bound."""
    return [
        *_languages(Dice(seed, "languages"), folder),
        *_pairs(Dice(seed, "pairs"), folder),
        *_turns(Dice(seed, "turns"), folder),
        *_presence(Dice(seed, "presence"), folder),
    ]


_NAMES: Final = {
    "en": ["English", "Englisch"],
    "de": ["German", "Deutsch"],
    "fr": ["French", "Französisch"],
    "es": ["Spanish", "Spanisch"],
}
_ELSEWHERE: Final = {
    "fr": (
        "La bibliothèque est ouverte tous les jours sauf le dimanche. Les lecteurs peuvent"
        " emprunter trois livres pour une durée de quatre semaines."
    ),
    "es": (
        "La biblioteca está abierta todos los días excepto el domingo. Los lectores pueden"
        " llevarse tres libros durante cuatro semanas."
    ),
}


def _languages(dice: Dice, folder: Path) -> list[Item]:
    items: list[Item] = []
    for place, (lang, names) in enumerate(_NAMES.items()):
        sheet = blank((800, 320), dice)
        text = _ELSEWHERE.get(lang) or words.paragraph(dice, lang, 3)
        y = 40
        for line in sheet.wrapped(text, 720):
            y = sheet.say((40, y), line)
        sheet.image.save(folder / f"language-{lang}.png")
        asked = ("What language is the text in?", "In welcher Sprache ist der Text?")
        items.append(
            Item(
                id=f"language-{lang}",
                part="language",
                file=f"language-{lang}.png",
                question=asked[place % 2],
                answers=names,
            )
        )
    return items


def _pairs(dice: Dice, folder: Path) -> list[Item]:
    first, second, third = dice.some(["red", "green", "blue", "yellow"], 3)
    for place, name in enumerate((first, second, first)):
        Image.new("RGB", (300, 300), PAINT[name][0]).save(folder / f"pair-{place}.png")
    del third
    same, unlike = ["pair-0.png", "pair-2.png"], ["pair-0.png", "pair-1.png"]
    asked = [
        (same, "Are these two pictures the same?", ["yes"]),
        (unlike, "Are these two pictures the same?", ["no"]),
        (unlike, "Sind diese beiden Bilder gleich?", ["nein"]),
        (unlike, "Compare these two pictures. What colour is the second one?", [second]),
    ]
    return [
        Item(id=f"compare-{place}", part="compare", files=files, question=text, answers=answers)
        for place, (files, text, answers) in enumerate(asked)
    ]


def _turns(dice: Dice, folder: Path) -> list[Item]:
    items: list[Item] = []
    for place in range(4):
        german = place % 2 == 1
        sheet = blank((700, 300), dice)
        number, amount = (
            dice.digits(6),
            words.money(Decimal(dice.between(500, 90000)) / 100, "bare"),
        )
        known = ("Kundennummer", "Gesamtbetrag") if german else ("Customer number", "Total")
        y = 40
        for label, value in zip(known, (number, amount), strict=True):
            y = sheet.say((50, y), f"{label}: {value}") + 10
        sheet.image.save(folder / f"turn-{place}.png")
        items.append(
            Item(
                id=f"turn-{place}",
                part="second turn",
                file=f"turn-{place}.png",
                before=["Was ist auf dem Bild?" if german else "What is in this image?"],
                question="Und wie lautet die Kundennummer?"
                if german
                else "And what is the total?",
                answers=[number if german else amount],
                text="\n".join(sheet.printed),
            )
        )
    return items


def _presence(dice: Dice, folder: Path) -> list[Item]:
    asked = [
        ("code-00.png", "Is there a QR code in this picture?", "yes"),
        ("photo-coffee.jpg", "Is there a QR code in this picture?", "no"),
        ("photo-chelsea.jpg", "Is there a cat in this picture?", "yes"),
        ("colour-green.png", "Gibt es Text auf dem Bild?", "nein"),
        ("page-00.png", "Is there any text in this picture?", "yes"),
        ("turn-1.png", "Steht eine Kundennummer auf dem Bild?", "ja"),
    ]
    image = Image.new("RGB", (500, 400), (255, 255, 255))
    _figure(ImageDraw.Draw(image), "circle", (dice.between(100, 400), 200, 60), PAINT["red"][0])
    image.save(folder / "presence.png")
    asked += [
        ("presence.png", "Is there a red circle?", "yes"),
        ("presence.png", "Gibt es ein blaues Quadrat?", "nein"),
    ]
    return [
        Item(
            id=f"presence-{place}", part="presence", file=file, question=text, answers=[answer]
        )
        for place, (file, text, answer) in enumerate(asked)
        if (folder / file).is_file()
    ]
