# ruff: noqa: E501
# E501: patterns and phrases stay on one line.
"""Everyday nouns in English and German, so that a question may be put in the other language.

Only words that stand in tables, on receipts and in headings, and names of places that differ.
"""

from functools import cache
from typing import Final

_PAIRS: Final = """
first erste erster ersten erstes 1st|second zweite zweiter zweiten zweites 2nd|third dritte dritter dritten drittes 3rd|fourth vierte vierter vierten 4th|fifth funfte funfter funften 5th|mr herr herrn|mrs frau
floor level storey etage stockwerk ebene geschoss
january januar jan|february februar feb|march marz mar mrz|april apr|may mai|june juni jun|july juli jul|august aug|september sept sep|october oktober oct okt|november nov|december dezember dec dez
monday montag mo mon|tuesday dienstag di tue|wednesday mittwoch mi wed|thursday donnerstag do thu|friday freitag fr fri|saturday samstag sonnabend sa sat|sunday sonntag so sun
spring fruhling fruhjahr|summer sommer|autumn fall herbst|winter winter|year jahr|month monat|week woche|kalenderwoche kw|day tag|quarter quartal
munich munchen|cologne koln|vienna wien|zurich zurich|geneva genf|prague prag|warsaw warschau|brussels brussel|rome rom|milan mailand|venice venedig|lisbon lissabon|nuremberg nurnberg|hanover hannover|brunswick braunschweig
germany deutschland|france frankreich|italy italien|spain spanien|austria osterreich|switzerland schweiz|poland polen|netherlands niederlande|belgium belgien|denmark danemark|sweden schweden|norway norwegen|greece griechenland|turkey turkei|europe europa|asia asien|africa afrika|america amerika|japan japan|china china|britain grossbritannien
north nord norden|south sud suden|east ost osten|west west westen
apple apfel|pear birne|plum pflaume|cherry kirsche|orange orange apfelsine|lemon zitrone|grape traube|strawberry erdbeere|banana banane|peach pfirsich|potato kartoffel|tomato tomate|onion zwiebel|carrot karotte mohre|cucumber gurke|lettuce salat|salad salat|pepper paprika pfeffer|mushroom pilz champignon|garlic knoblauch|bean bohne|pea erbse
milk milch|bread brot|butter butter|cheese kase|egg ei eier|sugar zucker|flour mehl|rice reis|pasta nudel nudeln|noodle nudel nudeln|salt salz|oil ol|honey honig|jam marmelade konfiture|chocolate schokolade|cookie keks|biscuit keks|cake kuchen|roll brotchen|sausage wurst|ham schinken|meat fleisch|beef rindfleisch|pork schweinefleisch|chicken hahnchen huhn|fish fisch|soup suppe|cream sahne|yogurt joghurt|yoghurt joghurt|ice eis
water wasser|mineral mineral|juice saft|tea tee|coffee kaffee|beer bier|wine wein|lemonade limonade
chair stuhl|table tisch|desk schreibtisch|lamp lampe|shelf regal|bed bett|cupboard schrank|cabinet schrank|sofa sofa|armchair sessel|mirror spiegel|carpet teppich|pillow kissen|blanket decke|curtain vorhang|bottle flasche|cup tasse|mug becher|plate teller|glass glas|knife messer|fork gabel|spoon loffel|pan pfanne|pot topf|bowl schussel
pen stift kugelschreiber|pencil bleistift|paper papier|book buch|notebook notizbuch heft|folder ordner|envelope umschlag|scissors schere|ruler lineal|eraser radiergummi|ink tinte|printer drucker|screen bildschirm monitor|monitor monitor|keyboard tastatur|mouse maus|cable kabel|charger ladegerat|battery batterie akku|headphones kopfhorer|headset headset|speaker lautsprecher|camera kamera|phone telefon handy|computer computer rechner|laptop laptop notebook|bag tasche|backpack rucksack|hammer hammer|screw schraube|nail nagel|drill bohrer bohrmaschine|saw sage|paint farbe|brush pinsel burste|tool werkzeug
shirt hemd|trousers hose|pants hose|jacket jacke|coat mantel|shoe schuh|sock socke|hat hut|glove handschuh|dress kleid|skirt rock|belt gurtel|scarf schal|soap seife|shampoo shampoo|towel handtuch|toothbrush zahnburste|toothpaste zahnpasta|detergent waschmittel
car auto|bicycle fahrrad|bike fahrrad|bus bus|train zug bahn|ship schiff|plane flugzeug|truck lkw lastwagen|motorcycle motorrad|tyre reifen|wheel rad
dog hund|cat katze|horse pferd|bird vogel|cow kuh|pig schwein|sheep schaf|flower blume|rose rose|tulip tulpe|tree baum|house haus|garden garten|street strasse|bridge brucke|church kirche|school schule|hospital krankenhaus|station bahnhof|airport flughafen|kitchen kuche|bathroom bad badezimmer|bedroom schlafzimmer
installation installation montage|repair reparatur|maintenance wartung|consulting beratung|advice beratung|training schulung|cleaning reinigung|delivery lieferung|shipping versand|assembly montage|support support|license lizenz|software software|hosting hosting|design gestaltung|translation ubersetzung|development entwicklung|transport transport|labour arbeit arbeitszeit|material material|service service dienstleistung|insurance versicherung|rent miete|electricity strom|gas gas|heating heizung|travel reise|hotel hotel|breakfast fruhstuck|lunch mittagessen|dinner abendessen
revenue umsatz einnahmen erlos|sales umsatz absatz verkauf verkaufe|turnover umsatz|profit gewinn|loss verlust|expenses ausgaben|costs kosten|income einkommen|budget budget|population einwohner bevolkerung|visitors besucher|customers kunden|employees mitarbeiter|members mitglieder|students schuler studenten|orders bestellungen|points punkte|score punktzahl|rank rang|speed geschwindigkeit|distance entfernung|temperature temperatur|rainfall niederschlag regen|production produktion|share anteil|growth wachstum|stock bestand lager|target ziel
key schlussel|contract vertrag|meeting besprechung sitzung treffen|appointment termin|deposit kaution anzahlung|notice kundigung|terminate kundigen|cancel kundigen stornieren absagen|apartment wohnung|flat wohnung|landlord vermieter|tenant mieter|passport reisepass|interview vorstellungsgesprach|offer angebot|damage schaden|course kurs|party feier|wedding hochzeit|concert konzert|exhibition ausstellung|conference konferenz tagung|workshop workshop|lecture vortrag|event veranstaltung|handover ubergabe|inspection besichtigung prufung|complaint reklamation beschwerde|refund erstattung ruckerstattung|membership mitgliedschaft|subscription abonnement abo
small klein|large gross|red rot|green grun|blue blau|yellow gelb|black schwarz|white weiss|grey grau|brown braun
"""


@cache
def _others() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group in _PAIRS.replace("\n", "|").split("|"):
        parts = set(group.split())
        for word in parts:
            found.setdefault(word, set()).update(parts)
    return {word: frozenset(others) for word, others in found.items()}


def translations(word: str) -> frozenset[str]:
    """The folded word in the other language, and itself; empty for a word that is not here."""
    return _others().get(word, frozenset())
