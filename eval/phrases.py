"""How people decline, hedge, agree and name colours, in English and German."""

import re
from typing import Final

DECLINE: Final = re.compile(
    r"\b(?:can(?:not|'t| not)|could(?: not|n't)|unable to)\b"
    r"|\b(?:do|does|did)(?: not|n't)\b"
    r"|\b(?:is|are|was)(?: not|n't)\b[^.]{0,40}\b(?:shown|visible|there|found|stated|given)\b"
    r"|\b(?:is|are|was)(?: not|n't)\b[^.]{0,40}\b(?:printed|present|mentioned|in the|on the)\b"
    r"|\bnot (?:shown|visible|found|stated|given|printed|present|mentioned|there)\b"
    r"|\bnot (?:in|on) the\b"
    r"|\bthere(?: is|'s| are) no(?:ne|thing)?\b|\bno such\b|\bnowhere\b"
    r"|\b(?:see|find|found|read|shows?|contains?|has|have|holds?|states?) no(?:thing)?\b"
    r"|\bno [\w\s'\"-]{1,60}\b(?:visible|shown|found|printed|stated|given|present|mentioned)\b"
    r"|\bkein\w*\b|\bnirgend\w*\b|\bfehlt\b"
    r"|\bnicht\b[^.]{0,60}\b(?:finden|gefunden|erkennen|erkennbar|sehen|sichtbar|lesen|lesbar"
    r"|angegeben|vorhanden|genannt|sagen|zu|enthalten|beantworten|da|drauf|darauf|auf|im|in)\b"
    r"|\b(?:steht|sehe|finde|erkenne|enthält|zeigt|kann|gibt|ist)\b[^.]{0,80}\bnicht\b",
    re.IGNORECASE,
)
HEDGE: Final = re.compile(
    r"\b(?:may|might|maybe|perhaps|possibly|probably|likely|unlikely|seems?|appears?|could"
    r"|looks? (?:\w+ )?like|resembles?|unsure|uncertain|not (?:quite |very )?(?:sure|certain)"
    r"|guess|tentative\w*|low confidence|weak\w*|cannot|can't|do not know|don't know"
    r"|vielleicht|möglicherweise|vermutlich|wahrscheinlich|eventuell|womöglich|könnte\w*"
    r"|scheint|wirkt|ähnelt|sieht[^.]{0,40}\baus|unsicher|nicht sicher|kaum|vage|schwach\w*"
    r"|kann[^.]{0,40}\bnicht|geringe\w* (?:sicherheit|konfidenz))\b",
    re.IGNORECASE,
)
YES: Final = re.compile(r"\b(?:yes|yeah|ja|doch)\b", re.IGNORECASE)
NO: Final = re.compile(r"\b(?:no|nope|nein|kein\w*|not|nicht|none|neither)\b", re.IGNORECASE)
AFFIRMS: Final = re.compile(
    r"\b(?:there (?:is|are)|i (?:can )?see|shows?|contains?|es gibt|ich sehe|zeigt|enthält)\b",
    re.IGNORECASE,
)

NOTE: Final = re.compile(
    r"\b(?:confiden\w*|certain\w*|sure|probab\w*|score|likely|px|pixels?|position\w*|row|rows"
    r"|column|columns|line|lines|line \d+|page|top|bottom|left|right|middle|centre|center"
    r"|konfidenz|sicher\w*|wahrscheinlich\w*|zuverlässig\w*|zeilen?|spalten?|seite|oben|unten"
    r"|links|rechts|mitte|bildpunkte?n?)\b",
    re.IGNORECASE,
)
"""Words that make a remark a statement about the evidence: how sure, and where."""
COUNTED: Final = re.compile(
    r"(?:lines?|words?|characters?|pixels?|px|columns?|rows?|pictures?|images?|blocks?|cells?"
    r"|candidates?|zeilen?|wörter\w*|zeichen|spalten?|bilde?r?n?|blöcke?n?|zellen?|bildpunkte?n?)",
    re.IGNORECASE,
)
"""Things that a reply may count for itself: `12 lines of text`."""

NUMBER_WORDS: Final = {
    word: str(number)
    for number, words in enumerate(
        (
            "zero none null",
            "one eins",
            "two zwei",
            "three drei",
            "four vier",
            "five fünf",
            "six sechs",
            "seven sieben",
            "eight acht",
            "nine neun",
            "ten zehn",
            "eleven elf",
            "twelve zwölf",
        )
    )
    for word in words.split()
}
COLOURS: Final = {
    word: name
    for name, words in {
        "red": "red rot rote roter rotes roten crimson scarlet",
        "green": "green grün grüne grüner grünes grünen",
        "blue": "blue blau blaue blauer blaues blauen",
        "yellow": "yellow gelb gelbe gelber gelbes gelben",
        "orange": "orange orangefarben orangene orangener",
        "purple": "purple violet lila violett violette purpur violetter",
        "pink": "pink rosa magenta",
        "brown": "brown braun braune brauner braunes braunen",
        "black": "black schwarz schwarze schwarzer schwarzes schwarzen",
        "white": "white weiß weiss weiße weißer weißes weißen",
        "grey": "grey gray grau graue grauer graues grauen",
        "cyan": "cyan turquoise teal türkis türkise",
    }.items()
    for word in words.split()
}
