# ruff: noqa: E501, ISC004, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# ISC004: long patterns go on in the next string.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""One question in a message: its words, its language, and what kind of value would answer it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, NamedTuple, TypeAlias

from visus.local.lite.answering import tongue
from visus.local.lite.answering.tongue import Tongue
from visus.local.lite.answering.values import Kind
from visus.local.lite.answering.vocabulary import BY_KEY, Span, keys_of, spans
from visus.local.lite.answering.words import GENERIC, STOPWORDS, Token, compact, fold, tokens

_SENTENCE: Final = re.compile(
    r"[^?!\n]*?(?:\?+|!+|\n|(?<!\d)(?<!\bProf)(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\bFam)(?<!str)(?<!\bNr)(?<!\bNo)(?<!\b[A-Za-z])\.(?=\s|$)|$)"
)
_ASKING: Final = re.compile(
    r"^\W*(?:(?:and|und|also|ok|okay|hi|hello|hallo|please|bitte|now|then|so|can you|could you|konntest du"
    r"|konnen sie|kannst du|would you)\b[\s,]*)*"
    r"(?:what|who|whom|whose|which|when|where|how|why|is|are|was|were|does|do|did|has|have|can|could"
    r"|describe|read|list|tell|give|count|transcribe|compare|extract|find|name|identify|show|state"
    r"|summari[sz]e|explain|ocr|look|translate|quote|return|get|locate|detect|provide|determine"
    r"|was|wer|wen|wem|wie|wieviel\w*|welche\w*|wann|wo|woher|wohin|wessen|warum|ist|sind|gibt|hat|steht"
    r"|beschreib\w*|lies|lese|nenne\w*|zahl\w*|sag\w*|gib|vergleich\w*|extrahier\w*|zeig\w*|finde\w*"
    r"|enthalt|erkenn\w*|transkribier\w*|ermittle|bestimme|um|auf|in|an|fur|von|bis|zu|by|on|at|to|from)\b"
)  # fmt: skip
_MANNER: Final = re.compile(
    r"\b(?:answer|respond|reply|antworte\w*|only the (?:value|number|answer|text)|just the (?:value|number|answer)"
    r"|nur (?:den|die|das) (?:wert|zahl|betrag|antwort|nummer|datum)|(?:value|answer) only|nothing else|no explanation"
    r"|one word|ein(?:em)? wort|be (?:brief|concise|short)|halte dich kurz|kurz und knapp|if (?:it|the \w+) is(?:n't| not)"
    r"|if not (?:present|found|visible)|falls (?:nicht|es|der|die|das))\b"
)  # fmt: skip
_BARE: Final = re.compile(
    r"\b(?:only (?:with )?(?:the )?(?:exact )?(?:value|number|answer|amount|date|name|text)|just (?:with )?(?:the )?"
    r"(?:value|number|answer|amount|date|name)|nur (?:mit )?(?:de[nmr]|die|das) (?:\w+ )?(?:wert|zahl|betrag|antwort|nummer"
    r"|datum|namen?)|value only|answer only|nothing else|no explanation|one word|single word|ein(?:em|zigen)? wort"
    r"|ohne erklarung|nichts weiter)\b"
)  # fmt: skip
_QUOTED: Final = re.compile(r"[\"“”„«»'‘’]([^\"“”„«»]{1,80}?)[\"“”«»'‘’](?!\w)")

_NAMED: Final[tuple[tuple[str, str], ...]] = (
    (r"(?:bei |auf )?welche[rs]? (?:bank|sparkasse|kreditinstitut)\b|(?:with |at )?(?:which|what) bank\b", "bank"),
    (r"\b(?:paid?|pays?)\b.*\b(?:in advance|up ?front|beforehand)|\b(?:gezahlt|bezahlt|zahl\w*)\b.*\b(?:im voraus|vorab)\b|wie ?viel .*\bangezahlt", "deposit"),
    (r"how (?:much|high) (?:is|was) (?:the|my|our|this) (?:\w+ )?(?:bill|invoice)\W*$|\boverall (?:bill|price|cost|amount|sum)\b|\b(?:alles in allem|unterm strich|all in all)\b|^\W*(?:was|wie ?viel) macht (?:das|die|der)\b", "total"),
    (r"wie lange (?:darf|kann).*\b(?:auto|wagen|fahrzeug|parken|geparkt|stehen)\b|how long (?:may|can) .*\b(?:car|vehicle|park\w*)\b", "paid_until"),
    (r"\bstill (?:(?:has |have )?to be paid|to pay|owed|due|outstanding)\b|\bnoch (?:zu (?:be)?zahlen|offen|bezahlt werden)", "amount_due"),
    (r"\b(?:nachname\w*|familienname\w*|last name|surname|family name)\b", "last_name"),
    (r"\b(?:vorname\w*|first name|given name|forename)\b", "first_name"),
    (r"\b(?:which|what) table (?:was|is|did|were|are|number)|welche[rm]? tisch", "table_number"),
    (r"\b(?:to|an) (?:which|whom|welche[nsr]?|wen)\b.*(?:address|gerichtet|adressiert|made out)", "recipient"),
    (r"\b(?:bei|mit|zu) wem\b|\b(?:with|from) whom (?:can|do|should|must)\b", "contact"),
    (r"(?:which|what) card\b.*(?:used|paid|pay)|(?:mit )?welche[rn]? karte\b.*(?:bezahlt|gezahlt|benutzt|verwendet)", "payment_method"),
    (r"how tall (?:is|are)|wie gross (?:ist|sind) (?:er|sie|(?:der|die|das) (?:patient\w*|person|kind|bewerber\w*|antragsteller\w*|spieler\w*))\b", "height"),
    (r"how long .*\b(?:warranty|guarantee)|wie lange .*\b(?:garantie|gewahrleistung)|(?:garantie|gewahrleistung)\w* (?:gilt|dauert)", "warranty"),
    (r"whose (?:\w+ )?account|wessen konto|wem gehort das konto", "account_holder"),
    (r"whose (?:\w+ )?(?:ticket|card|pass|badge|licence|passport|account)|wessen (?:karte|ticket|ausweis|fahrkarte|konto)|auf wen .*ausgestellt|who(?:'s| is)? .*(?:travel\w*|flying|flies)|wer (?:reist|fliegt|fahrt)\b", "name"),
    (r"was (?:hat|haben) (?:die|das|der|eine?) (?:fahrkarte|ticket|karte|eintrittskarte|fahrschein|fahrt|flug)\b.*gekostet|how much (?:was|is|did|does) (?:the|this) (?:ticket|fare|journey|trip)\b", "price"),
)  # fmt: skip
"""What a question says of itself: stronger than any other field that it names."""
_ASKED: Final[tuple[tuple[str, str], ...]] = (
    (r"(?:until|till|by) when.*(?:\bpark|\bcar\b|\bstay\b|\bstand\b)|bis wann.*(?:\bpark|\bauto\b|stehen)", "paid_until"),
    (r"paid out|take[- ]home|(?:bekomm|verdien|krieg)\w* .*\b(?:netto|ausgezahlt|raus)\b|(?:earn|get|make)s? .*\bnet\b", "net_pay"),
    (r"(?:bekomm|verdien|krieg)\w* .*\bbrutto\b|(?:earn|get|make)s? .*\bgross\b", "gross_pay"),
    (r"bei wem arbeit|who (?:do|does|did) \w+ work for|for whom (?:do|does) \w+ work", "employer"),
    (r"(?:how much|wie ?viel)\b.*\b(?:is|are|ist|sind)\b.*\b(?:in the (?:jar|pack|packet|box|bottle|can|tin|bag)|in (?:der|dem|diese[rm]) (?:packung|dose|glas|flasche|beutel|tute|schachtel))\b", "net_weight"),
    (r"(?:wann|um wie ?viel uhr|um welche).*\b(?:fahr|flieg|leg|start|geh)\w* .*\bab\b\W*$|wann.*\b(?:abfahrt|abflug|abfahr\w*|abflieg\w*)|(?:when|what time).*\b(?:depart|take off|leave|exit|drive out)s?\b|wann.*(?:ausgefahren|hinausgefahren|verlassen)", "departure_time"),
    (r"(?:wann|um wie ?viel uhr|um welche).*\b(?:komm\w*|leg\w*) .*\ban\b\W*$|wann.*\b(?:ankunft|ankomm\w*|eintriff\w*|landet)|(?:when|what time).*\b(?:arrive|land|get in|enter|drive in)s?\b|wann.*(?:eingefahren|hineingefahren)", "arrival_time"),
    (r"wie oft.*(?:nehm|einzunehmen|einnahme|tablette|anwend)|wie (?:soll|muss|wird|nimmt|nehme) .*(?:eingenommen|einnehm|dosier|angewendet|\bein\W*$)|how (?:often|many times).*(?:take|use|dose)|how (?:should|do|must) (?:i|you|it|one).*(?:take|taken|dosed)", "dosage"),
    (r"(?:wie heisst|welches|name).*\b(?:medikament\w*|arznei\w*|praparat\w*)|(?:what|which|name).*\b(?:medicine|medication|drug)\b(?!.*(?:dose|batch|expir))", "product"),
    (r"(?:unter )?welche[rn]? nummer.*(?:erreich|anruf|kontakt)|(?:which|what) number.*(?:call|reach|ring|dial)", "phone"),
    (r"(?:wen|wem|whom?)\b.*(?:anruf|kontakt|wend|melden|fragen|call|contact|phone|ring|ask\b|(?:talk|speak|turn|write) to\b)", "contact"),
    (r"(?:who|which (?:company|service)).*(?:deliver(?:ing|s)\b|carrier|courier)|(?:which|what) (?:carrier|courier|parcel service)|welche[rs]? (?:paketdienst|versanddienst\w*|spedition|zusteller)", "carrier"),
    (r"what(?:'s| is| does)?.*\b(?:inside|in the (?:parcel|package|box|packet)|(?:parcel|package|box) contains?)\b|was (?:ist|befindet sich|enthalt).*\b(?:im paket|in de[mr] (?:paket|sendung|karton|packchen)|das paket|die sendung)\b", "contents"),
    (r"(?:what|which) (?:city|town|place).*(?:going|sent|deliver|ship|addressed|destined)|in welche stadt|(?:wohin|an welchen ort).*(?:paket|sendung|geliefert|geschickt)", "recipient_city"),
    (r"(?:who|which band|which artist|what band).*(?:perform|play|sing|on stage)|wer (?:spielt|tritt auf|singt)|welche band", "performer"),
    (r"(?:which|what|welche[rn]?) (?:position|job|role|funktion|stelle|beruf|job title)\b.*(?:hat|have|has|hold|bekleidet|sie|er|he|she|person)\b", "occupation"),
    (r"(?:which|what|welche[rn]?|bei welche[rm]) (?:company|firm|organi[sz]ation|firma|unternehmen|employer|arbeitgeber|organisation).*(?:work|\bwith\b|arbeitet|angestellt|beschaftigt|gehort)|who does (?:he|she) work for|(?:he|she) work(?:s)? for", "vendor"),
    (r"wie ?viel.*(?:insgesamt|alles zusammen).*(?:bezahlt|gezahlt|ausgegeben|gekostet)|how much .*(?:in all|in total|altogether)", "total"),
    (r"how (?:did|do) (?:we|i|you|they|the \w+) pay\b|how was (?:it|this|the \w+) paid|wie (?:wurde|habe?n?|hat).*(?:bezahlt|gezahlt)", "payment_method"),
    (r"wie ?viele? (?:kalorien|kcal|kilojoule|energie)|how many (?:calories|kcal|kilojoules)|how much energy", "energy"),
    (r"(?:since|from) (?:when|what date)\b|seit wann|ab wann (?:gilt|gelten|gultig)|when .*\b(?:start|begin) to apply", "start_date"),
    (r"^\W*(?:when|(?:on )?(?:what|which) (?:day|date)) (?:was|were|did|has)\b.*\b(?:paid|pay|settled)\b|^\W*(?:wann|an welchem tag) (?:wurde|hat|haben|ist)\b.*(?:bezahlt|gezahlt|beglichen)\W*$", "payment_date"),
    (r"(?:when|by when|until when).*(?:paid|pay\b|payable|due)|bis wann.*(?:zahl|bezahl|uberw|beglich)|wann.*(?:fallig|zahlbar|bezahlt werden|zu zahlen|gezahlt werden)|latest.*(?:pay|paid)", "due_date"),
    (r"when.*(?:expir|\bruns? out)|how long.*(?:good|keep|valid|last)|(?:bis wann|wie lange|wann).*(?:haltbar|gultig|ablauft|lauft.* ab|verbraucht)|until when.*(?:valid|good)|wann.*ablauf", "expiry_date"),
    (r"\bcheck(?:s|ed|ing)?[ -]in\b|\banreis|eincheck|check-?in\b", "start_date"),
    (r"\bcheck(?:s|ed|ing)?[ -]out\b|\babreis|auscheck|check-?out\b", "end_date"),
    (r"(?:what|which) year\b.*\b(?:made|built|produced|manufactured)|(?:in )?welche[mns] (?:bau)?jahr\b.*(?:gebaut|hergestellt|produziert)", "production_date"),
    (r"when.*born|wann.*geboren", "birth_date"),
    (r"where.*born|wo.*geboren", "birth_place"),
    (r"when.*(?:deliver|shipped|dispatch)|wann.*(?:geliefert|zugestellt|versendet|versandt)", "delivery_date"),
    (r"when.*order(?:ed|\b.*placed)|wann.*bestell", "order_date"),
    (r"when.*(?:produced|manufactured|packed|made\b)|wann.*(?:hergestellt|produziert|abgepackt|verpackt)", "production_date"),
    (r"when.*(?:issued|invoiced|billed)|wann.*(?:ausgestellt|in rechnung|erstellt)|invoice.*from when|von wann.*rechnung", "invoice_date"),
    (r"when.*(?:written|letter|dated)|wann.*(?:geschrieben|verfasst)|(?:von wann|wann).*(?:brief|schreiben)|(?:date|datum).*(?:letter|brief|schreiben)", "date"),
    (r"when.*(?:purchase|bought|receipt|transaction|shopping)|wann.*(?:gekauft|eingekauft|kauf|bon)|(?:what|which) day.*(?:purchase|receipt|bought)", "purchase_date"),
    (r"(?:when|what (?:time|day)|until|from when|which day).*\b(?:open|opens|opened|close|closes|closed|shut)\b|(?:wann|bis wann|um wie ?viel uhr|wie lange).*(?:geoffnet|geschlossen|schliess|offnet|\bauf\W*$|\bzu\W*$)", "opening_hours"),
    (r"(?:what|which) time|um wie ?viel uhr|wie spat|um welche uhrzeit|at what hour", "time"),
    (r"to whom|who(?:m)?\b.*(?:addressed|recipient|(?:letter|invoice|bill|parcel|package) (?:for|to)\b|billed|receiv|invoiced|get[s]? th|sent to|made out to|customer|buy|client)|\bwer\b.*(?:empfang|bekommt|erhalt|kunde|adressat|kauf)|an wen|fur wen|(?<!von )(?<!bei )(?<!mit )wem\b|whom\b.*(?:addressed|sent)", "recipient"),
    (r"who\b.*(?:signed|signature)|\bwer\b.*(?:unterschrieb|unterzeichn)|whose signature|wessen unterschrift", "signatory"),
    (r"who\b.*(?:served|cashier|waiter|till)|\bwer\b.*(?:bedient|kassier)", "cashier"),
    (r"\b(?:dial|ring|reach\w* by phone|anruf\w*|anzurufen|telefonisch|can (?:i|one|we|you) call|to call)\b", "phone"),
    (r"(?:for a living|works? as\b|\bvon beruf|beruflich)", "occupation"),
    (r"(?:by when|until when|latest|bis wann|spatestens|bis zu welchem|welche frist|which deadline|what deadline|deadline|\bfrist\b)", "deadline"),
    (r"who\b.*(?:wrote|author|written by)|\bwer\b.*(?:geschrieben|schrieb|schreibt|verfasst)", "author"),
    (r"who\b.*(?:sent|sender|send[s]?\b|from\b)|from whom|\bwer\b.*(?:absender|geschickt|gesendet|schickt)|von wem.*(?:brief|schreiben|stammt|paket|sendung)", "sender"),
    (r"(?:who|which (?:company|firm|business|shop|store|vendor|supplier|supermarket|restaurant))\b.*(?:issued|sold|invoiced|bill|sell|invoice|supplier|vendor|seller|receipt|from)|\b(?:wer|welche firma|welches unternehmen)\b.*(?:ausgestellt|verkauf|rechnung|liefer|gestellt)|von wem|(?:which|what) (?:shop|store|supermarket|restaurant|company)\b|welche[rs]? (?:laden|geschaft|supermarkt|restaurant|firma|markt|unternehmen)\b|where.*(?:purchase|bought|shopping|receipt from)|wo wurde.*gekauft|which business", "vendor"),
    (r"who\b.*(?:made|makes|produces|produced|manufactur)|\bwer\b.*(?:herstell|hergestellt|produzier)|wer stellt\b.*\bher\b", "manufacturer"),
    (r"where.*(?:come[s]? from|made|produced|grown|originat)|woher|wo\b.*(?:hergestellt|produziert|angebaut)|which country.*(?:made|from|produced)|aus welchem land", "origin"),
    (r"how (?:did|was|were).*(?:paid|pay\b)|wie wurde.*(?:bezahlt|gezahlt)|womit.*(?:bezahlt|gezahlt)|how.*payment made", "payment_method"),
    (r"(?:what|which) percent.*(?:vat|tax)|(?:vat|tax) (?:rate|percent)|wie ?viel prozent.*(?:mwst|steuer|ust)|(?:steuer|mwst|mehrwertsteuer|umsatzsteuer)-?(?:satz|prozent)|hoch ist der steuersatz", "vat_rate"),
    (r"how much (?:is |was |are |were )?(?:the )?(?:vat|tax)\b|how much (?:vat|tax)|wie ?viel (?:mwst|steuer|mehrwertsteuer|umsatzsteuer)|wie hoch ist die (?:mwst|mehrwertsteuer|umsatzsteuer|steuer|ust)\b", "vat"),
    (r"(?:without|excluding|excl|before|ohne|vor) (?:the )?(?:vat|tax|taxes|mwst|steuer\w*|mehrwertsteuer|umsatzsteuer)", "net"),
    (r"(?:how much|wie ?viel).*(?:change|ruckgeld|wechselgeld)", "change"),
    (r"(?:how much|wie ?viel).*(?:cash|\bbar\b|gegeben|\bhand(?:s|ed)?\b|tendered)", "cash"),
    (r"how (?:much|expensive)[^?]*(?:due|owe|to pay|in total|altogether|have to pay|must|need to pay|the bill|the invoice|the purchase|total|spent|amount to|customer pay|was paid|charged|be paid|cost in all)|\bwhat (?:do|does) (?:i|we|he|she|they) owe|was kostet (?:das )?alles|^\W*(?:was|wie ?viel) .*(?:uberweisen|zahlen|bezahlen)\W*$|was hat (?:das|es|alles|der (?:ganze )?einkauf) .*gekostet|wie ?viel (?:muss|soll|ist zu|kostet alles|kostet das|kostet der einkauf|wurde (?:insgesamt|bezahlt|ausgegeben)|macht|ist insgesamt|schulde)|(?:was|wie ?viel) kostet (?:das|es|alles|der einkauf) ?(?:insgesamt|zusammen)?\W*$|wie hoch ist die rechnung|welche[rn]? betrag (?:ist|muss|wird|soll)|worauf belauft|what (?:does|did) (?:it|everything|all) cost|zu zahlen", "total"),
    (r"how heavy|\bweighs?\b|wie schwer|\bwiegt\b|\bwiegen\b", "weight"),
    (r"how (?:do|can|to|should).*store|wie.*(?:gelagert|aufbewahrt|lagern)", "storage"),
    (r"what.*letter.*(?:about|regarding)|worum geht|was ist der betreff|what is (?:it|this|the letter|the e-?mail) about", "subject"),
    (r"(?:what|which) (?:product|item|article) is (?:this|it)|(?:name|bezeichnung) (?:of|des|vom) (?:the )?(?:product|produkt\w*|artikel\w*)|wie heisst (?:das|dieses) produkt|welches produkt|what is the product\b|product (?:is|on|does)\b", "product"),
    (r"from which (?:city|airport|station|place)|(?:abfahrt|abflug)sort|where.*(?:depart|leave|start)|von wo", "departure"),
    (r"where.*(?:going|moving|go\b|fly|heading|headed|arriv|travel|destination)|wohin", "destination"),
    (r"where.*(?:take[s]? place|held|happen|meet)|wo (?:findet|fand|ist die veranstaltung|treffen)", "venue"),
    (r"\bwhen\b(?!.*boarding).*\b(?:starts?|begins?)\b|\bwann\b.*\b(?:beginnt|startet|fangt .* an)\b", "start_date"),
    (r"when.*(?:take[s]? place|appointment|meeting|event|held)|wann (?:findet|fand|ist der termin|ist das treffen|beginnt)", "event_date"),
    (r"(?:in )?(?:which|what) (?:city|town).*(?:live|reside|based|located|is the|does)|in welche[rm] (?:stadt|ort)", "city"),
    (r"\bstud(?:y|ies|ying|ied)\b|\bstudier", "course"),
    (r"where.*(?:live|reside)|wo wohn", "address"),
    (r"(?:what|which) (?:city|town|village) |in welche[rmn] (?:stadt|ort|gemeinde|dorf)", "city"),
    (r"where.*\b(?:based|located|situated)\b|\bwo (?:liegt|sitzt|befindet)\b", "address"),
    (r"\bhow long\b.*(?:parked|stay|last|take|there|did)|wie lange (?:dauert|hat|war|parkte|stand)", "duration"),
    (r"(?:which|what) account|auf welches konto|welche[sm]? konto", "iban"),
    (r"(?:which|what) bank\b|(?:bei )?welche[rs]? (?:bank|kreditinstitut)", "bank"),
    (r"\b(?:on )?(?:what|which) (?:day|date)\b|\b(?:an )?welche[mnrs]? (?:tag|datum)\b", "date"),
    (r"how.*(?:called|name of the person)|what is (?:the|this) (?:\w+ )?(?:person|man|woman|applicant|volunteer|member|patient|student|employee|guest|tenant|owner|participant)\W* (?:called|name)|wie heisst (?:die person|der|die) (?!produkt|artikel|firma)", "name"),
)  # fmt: skip


Owner: TypeAlias = Literal["sender", "recipient"]
_OWNERS: Final[tuple[tuple[str, Owner], ...]] = (
    (r"\b(?:sender|supplier|vendor|seller|company|store|shop|issuer|merchant|author|absender\w*|lieferant\w*|verkaufer\w*"
     r"|firma|laden\w*|geschaft\w*|unternehmen\w*|verfasser\w*|aussteller\w*)\b", "sender"),
    (r"\b(?:recipient|customer|client|buyer|addressee|empfanger\w*|kunde\w*|kundin|kaufer\w*|adressat\w*)\b", "recipient"),
)  # fmt: skip


class Target(NamedTuple):
    """What a question asks a document for."""

    key: str | None
    kind: Kind
    named: tuple[str, ...]
    """The folded words that name the thing, stop words left out."""
    extra: tuple[str, ...]
    """Words that narrow it down and that the picture must account for."""
    verbs: tuple[str, ...] = ()
    """Words that may narrow it down: a running text that has them is the place to look."""
    said: tuple[str, ...] = ()
    """All its words but for stop words."""
    owner: Owner | None = None
    """Whose it is, where a page has one of each: the sender's address, the customer's."""


@dataclass(frozen=True)
class Ask:
    """One question."""

    text: str
    tongue: Tongue
    bare: bool = False
    """Whether the caller wants the value and nothing else."""

    @cached_property
    def folded(self) -> str:
        """The question in folded letters, punctuation kept."""
        return fold(self.text)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Its words."""
        return tokens(self.text)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its folded words."""
        return tuple(token.text for token in self.tokens)

    @cached_property
    def meant(self) -> tuple[Token, ...]:
        """Its words but for stop words."""
        return tuple(token for token in self.tokens if token.text not in STOPWORDS)

    @cached_property
    def content(self) -> tuple[str, ...]:
        """Its words that name a thing."""
        return tuple(token.text for token in self.meant if token.text not in GENERIC)

    @cached_property
    def quoted(self) -> str | None:
        """What stands in quotation marks."""
        match = _QUOTED.search(self.text)
        return match.group(1).strip() if match else None

    @cached_property
    def target(self) -> Target:
        """The field, kind and words that it asks for."""
        head, covered = _head(self)
        asked = self._asked_key(head)
        if head is None or asked not in head.keys:
            covered = set[int]()
        named = tuple(self.meant[place].text for place in sorted(covered))
        left = [token for place, token in enumerate(self.meant) if place not in covered]
        extra = tuple(
            token.text
            for token in left
            if self.matters(token) and not _is_name_of(token.text, asked, loosely=not covered)
        )
        kind = BY_KEY[asked].kind if asked else self._kind()
        telling = tuple(token.text for token in self.meant if self.matters(token))
        verbs = tuple(
            token.text
            for token in left
            if token.text not in GENERIC and token.text not in extra and token.start > 0
        )
        owner: Owner | None = None
        for pattern, each in _OWNERS:
            owner = each if owner is None and self.has(pattern) else owner
        said = tuple(token.text for token in self.meant)
        return Target(asked, kind, named or telling or self.content, extra, verbs, said, owner)

    def has(self, pattern: str) -> bool:
        """Whether the folded question matches."""
        return re.search(pattern, self.folded) is not None

    def alternatives(self) -> list["Ask"]:
        """`member or insurance number` as two questions; otherwise the question alone."""
        whole = re.sub(
            r"(\w{3,})-? (or|oder|/) (\w*?)(nummer|datum|name|adresse)\b",
            r"\1\4 \2 \3\4",
            self.text,
        )
        whole = re.sub(
            r"(\w+) (or) (\w+) (number|date|name|address|id|code)\b", r"\1 \4 \2 \3 \4", whole
        )
        halves = re.split(r"\s(?:or|oder|/)\s", whole)
        if len(halves) < 2 or not all(_names_a_field(half) for half in halves):
            return [self]
        return [replace(self, text=half) for half in halves]

    def named_things(self) -> list[str]:
        """What the question is about, if it is about more than the picture as a whole."""
        if self.target.key is not None:
            return list(self.target.named) or [self.target.key]
        return [word for word in self.content if word not in _OF_LOOKING]

    def content_is_more(self) -> bool:
        """Whether it names something besides the picture and its measures."""
        return any(word not in _OF_MEASURING for word in self.content)

    def say(self, english: str, german: str) -> str:
        """The one of the two sentences that is in the question's language."""
        return german if self.tongue == "de" else english

    def _asked_key(self, head: Span | None) -> str | None:
        named = next((key for pattern, key in _NAMED if self.has(pattern)), None)
        if named is not None:
            return named
        kind = self._kind()
        if kind in _FIGURES and head is not None and _is_no_figure(head):
            head = None
        if kind == "number" and head is not None and _is_code(head):
            head = None
        if kind == "text" and head is not None and _is_moment(head) and self.has(_OF_A_THING):
            head = None
        if head is not None and not any(_fits(BY_KEY[key].kind, kind) for key in head.keys):
            head = head if kind not in _STRICT else None
        if head is not None and len(head.name) >= 9:
            return self._best_key(head)
        for pattern, key in _ASKED:
            if self.has(pattern) and (key != "name" or head is None):
                return key
        if head is None:
            # `How much is one meal?` names nothing but the price itself.
            return "price" if kind == "amount" and not self.content else None
        return self._best_key(head)

    def _best_key(self, head: Span) -> str:
        fitting = [key for key in sorted(head.keys) if _fits(BY_KEY[key].kind, self._kind())]
        ranked = sorted(fitting or sorted(head.keys), key=list(BY_KEY).index)
        return ranked[0]

    @property
    def kind(self) -> Kind:
        """What its question word wants, whatever thing it names."""
        return self._kind()

    def _kind(self) -> Kind:
        for pattern, kind in _KINDS:
            if self.has(pattern):
                return kind
        return "text"

    def matters(self, token: Token) -> bool:
        """Whether the word tells what is meant: nouns and names do, verbs do not."""
        if token.text in GENERIC:
            return False
        raw = self.text[token.start : token.end]
        if re.search(
            rf"\b(?:do|does|did) (?:he|she|it|they|we|you|i|one) {token.text}\b", self.folded
        ):
            return False
        if self.tongue == "de" and raw.isalpha() and (raw.islower() or token.start == 0):
            return False
        return not re.fullmatch(
            r"[a-z]{3,}(?:ed|ing)|appl(?:y|ies)|good|valid|used|wants?|still|going|doing|hands?|over|belongs?|differs?|needs?|works?|reach|reaches|contact|wrote|write"
            r"|home|long|off|out|runs?|big|large|high|enters?|exits?|leaves?|stays?|drives?|mrs?|ms",
            token.text,
        )


_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"\b(?:what time|um wie ?viel uhr|uhrzeit|wie spat)\b", "time"),
    (r"\b(?:when|wann|date|datum|what day|which day|an welchem tag|welcher tag|deadline)\b|datum\b", "date"),
    (r"^\W*(?:and |und )?(?:where|wo|wohin|woher)\b", "place"),
    (r"^\W*(?:and |und )?(?:who|whom|whose|wer|wen|wem|to whom|an wen|von wem)\b", "name"),
    (r"\b(?:percent\w*|prozent\w*)\b", "percent"),
    (r"\b(?:how many|wie ?vielen?|number of|anzahl)\b", "number"),
    (r"\bhow (?:heavy|tall|wide|long|large|big|deep)\b|\bwie (?:schwer|lang|breit|gross|tief|weit)\b", "measure"),
    (r"\b(?:how much|cost\w*|price\w*|fee\w*|kostet\w*|preis\w*|betrag\w*|wie ?viel|wie hoch|gekostet|gebuhr\w*|expensive|teuer|amount)\b", "amount"),
)  # fmt: skip


_FIGURES: Final = frozenset[Kind]({"amount", "measure"})
"""Kinds that no date and no name can be."""
_STRICT: Final = frozenset[Kind]({"date", "name", "percent", "place", "time"})
"""Kinds that the question word demands: an answer to `where` is no date."""


def _fits(kind: Kind, wanted: Kind) -> bool:
    if wanted in {"text", kind}:
        return True
    if wanted == "name":
        return kind in {"name", "place", "text"}
    if wanted == "place":
        return kind in {"place", "text", "postcode"}
    return wanted == "date" and kind in {"time", "text"}


def _is_no_figure(head: Span) -> bool:
    kinds = {BY_KEY[key].kind for key in head.keys}
    return kinds <= {"date", "time", "name", "place", "identifier"}


_OF_A_THING: Final = (
    r"^\W*(?:which|what|welche[nrs]?|was fur (?:ein\w*)?)\s+(?:(?:kind|type|sort|art) (?:of |von )?)?"
    r"(?!(?:is|are|was|were|does|do|did|has|have|ist|sind|war|hat)\b)[a-z]{3,}\s+(?:\w+\s+){0,3}?"
    r"(?:is|are|was|were|has|have|does|did|do|ist|sind|wurde|wurden|war|hat|haben)\b"
)
"""It asks which thing it was of which something was done, and not when: `what fuel was bought`."""


def _is_moment(head: Span) -> bool:
    return {BY_KEY[key].kind for key in head.keys} <= {"date", "time"} and head.first > 0


def _is_code(head: Span) -> bool:
    """Whether it names numbers that nobody counts: `how many members` asks for no member number."""
    return {BY_KEY[key].kind for key in head.keys} == {"identifier"}


def _is_name_of(word: str, key: str | None, *, loosely: bool) -> bool:
    """Whether a word only repeats the field; where a phrase told the field, any name may."""
    if key is None:
        return False
    named = keys_of(compact([word]))
    return bool(named) if loosely else bool({key, *BY_KEY[key].also} & named)


def _head(ask: Ask) -> tuple[Span | None, set[int]]:
    """The name of the thing asked for, and the places of its words in `ask.meant`."""
    found = [span for span in spans(ask.meant) if not _is_noise(span, ask)]
    if not found:
        return None, set()
    head = found[0]
    for span in found[1:]:
        gap = ask.text[ask.meant[head.last].end : ask.meant[span.first].start]
        joined = gap.strip() in {"", "'s", "’s", "-", "s"}
        exact = head.keys & _VAGUE and fold(gap.strip()) in _OF and _is_more_exact(head, span)
        if not joined and not exact:
            break
        head = span
    return head, set(range(head.first, head.last + 1))


_VAGUE: Final = frozenset({"name", "document_number", "total", "price", "line_total"})
_OF: Final = frozenset(
    [
        "of",
        "of the",
        "for",
        "for the",
        "for this",
        "des",
        "der",
        "vom",
        "von",
        "fur",
        "fur den",
        "fur die",
        "fur das",
        "von der",
    ]
)


def _is_more_exact(head: Span, span: Span) -> bool:
    """`The name of the contact` asks for the contact, `the amount of the discount` for that."""
    kinds = {BY_KEY[key].kind for key in head.keys}
    return any(BY_KEY[key].kind in kinds for key in span.keys) and not span.keys & head.keys


def _is_noise(span: Span, ask: Ask) -> bool:
    parts = ask.meant[span.first : span.last + 1]
    if parts[0].text == "uhr" and re.search(r"\d\s*uhr\b", ask.folded):
        return True  # It says a time and does not ask for one.
    german_big = ask.tongue == "de" and parts[0].text == "gross"
    return len(parts) == 1 and (parts[0].text in _NOT_ALONE or german_big)


_NOT_ALONE: Final = frozenset(
    [
        "table",
        "page",
        "number",
        "card",
        "receipt",
        "order",
        "ordered",
        "issued",
        "packed",
        "contains",
        "open",
        "call",
        "class",
        "team",
        "where",
        "start",
        "end",
        "begin",
        "lange",
        "menge",
        "artikel",
        "hour",
        "bill",
        "sold",
        "produced",
        "maker",
        "born",
        "shipped",
        "nummer",
        "seite",
        "tisch",
        "karte",
        "bon",
        "beleg",
        "ort",
        "brief",
        "id",
        "issue",
        "code",
        "position",
        "zeile",
        "content",
        "contents",
        "paid",
        "call",
        "keep",
    ]
) - {"ort", "menge", "content", "contents"}
"""Names of fields that, alone in a question, usually mean something else."""


_OF_LOOKING: Final = frozenset(
    [
        "describe",
        "description",
        "sentence",
        "sentences",
        "brief",
        "briefly",
        "short",
        "shortly",
        "paragraph",
        "satz",
        "satze",
        "satzen",
        "knapp",
        "stichworten",
        "describes",
        "detail",
        "details",
        "depict",
        "depicted",
        "depicts",
        "happening",
        "going",
        "scene",
        "looking",
        "summary",
        "summarise",
        "summarize",
        "caption",
        "explain",
        "contains",
        "contain",
        "everything",
        "anything",
        "something",
        "transcribe",
        "transcription",
        "transcript",
        "ocr",
        "extract",
        "aloud",
        "verbatim",
        "line",
        "lines",
        "full",
        "complete",
        "entire",
        "whole",
        "output",
        "print",
        "return",
        "list",
        "beschreibe",
        "beschreib",
        "beschreibung",
        "beschreiben",
        "zeigt",
        "sehen",
        "siehst",
        "sieht",
        "erkennen",
        "erkennst",
        "lies",
        "lese",
        "vorlesen",
        "vor",
        "lesen",
        "abschreiben",
        "genau",
        "wortlaut",
        "transkribiere",
        "extrahiere",
        "ganzen",
        "ganze",
        "gesamten",
        "gesamte",
        "kompletten",
        "vollstandigen",
        "alles",
        "etwas",
        "dargestellt",
        "darauf",
        "drauf",
        "darin",
        "drin",
        "geschieht",
        "passiert",
        "zusammenfassung",
        "fasse",
        "zusammen",
        "erklare",
        "bildinhalt",
        "worum",
        "geht",
        "kurz",
        "says",
        "plain",
        "exact",
        "markdown",
        "order",
        "reading",
        "speak",
        "visible",
    ]
)
_OF_MEASURING: Final = frozenset(
    [
        "big",
        "large",
        "wide",
        "tall",
        "high",
        "width",
        "height",
        "dimension",
        "dimensions",
        "size",
        "resolution",
        "pixel",
        "pixels",
        "portrait",
        "landscape",
        "orientation",
        "oriented",
        "format",
        "hochformat",
        "querformat",
        "auflosung",
        "gross",
        "breit",
        "hoch",
        "breite",
        "hohe",
        "grosse",
        "abmessung",
        "abmessungen",
        "ausrichtung",
        "orientation",
        "square",
        "quadratisch",
    ]
)


# --- A message taken apart -------------------------------------------------------------------

_LONGEST: Final = 400
"""Letters of one question that are understood: patterns take more than linear time."""


_QUARTER: Final = re.compile(
    r"\b(?:(first|1st|erste[ns]?|1\.)|(second|2nd|zweite[ns]?|2\.)|(third|3rd|dritte[ns]?|3\.)"
    r"|(fourth|4th|last|vierte[ns]?|4\.|letzte[ns]?)) (?:quarter|quartal\w*)",
    re.IGNORECASE,
)


_IN_THE_END: Final = re.compile(
    r"\s+(?:in the end|at the end of it all|am ende)(?=\W*$)", re.IGNORECASE
)


_WHOLE_DAY: Final = re.compile(r"\b(?:the )?(?:whole|entire|full) day\b", re.IGNORECASE)


def _as_printed(text: str) -> str:
    """`the third quarter` as tables have it, `Q3`; `the whole day` as signs do, `all day`."""
    text = _WHOLE_DAY.sub("all day", text)
    return _QUARTER.sub(lambda found: f"Q{found.lastindex}", text)


def asks_in(text: str, *, tongue_before: Tongue | None) -> list[Ask]:
    """The questions of a message; the whole message, if none of it looks like one."""
    text = _IN_THE_END.sub("", _as_printed(text))
    sentences = [match.group().strip() for match in _SENTENCE.finditer(text)]
    sentences = [sentence for sentence in sentences if re.search(r"\w", sentence)]
    speech = _wanted_tongue(text) or tongue.of_question(text) or tongue_before or "en"
    bare = _BARE.search(fold(text)) is not None
    asking = [sentence for sentence in sentences if _is_asking(sentence)]
    chosen = asking or [sentence for sentence in sentences if not _is_manner(sentence)]
    if not asking and len(chosen) > 1:
        chosen = [" ".join(chosen)]
    return [
        Ask(part[:_LONGEST], speech, bare=bare)
        for sentence in chosen
        for part in _parts(sentence[: 2 * _LONGEST])
    ]


def wanted_tongue(texts: Iterable[str]) -> Tongue | None:
    """The language that a system prompt asks answers to be in."""
    return next((found for found in map(_wanted_tongue, texts) if found), None)


def _wanted_tongue(text: str) -> Tongue | None:
    folded = fold(text)
    match = re.search(
        r"\b(?:answer|respond|reply|antwort\w*|speak|write|schreib\w*)\b[^.?!\n]{0,30}?"
        r"\b(?:in|auf)\s+(english|german|englisch\w*|deutsch\w*)",
        folded,
    )
    if match is None:
        return None
    return "de" if match.group(1).startswith(("german", "deutsch")) else "en"


def _is_asking(sentence: str) -> bool:
    folded = fold(sentence)
    if _is_manner(sentence) and "?" not in sentence:
        return False
    return "?" in sentence or _ASKING.match(folded) is not None


def _is_manner(sentence: str) -> bool:
    return _MANNER.search(fold(sentence)) is not None and "?" not in sentence


def _parts(sentence: str) -> Iterator[str]:
    """`What is A and what is B?` in two; `the A and the B` too, if both name fields."""
    pieces = re.split(
        r"(?:,|;)?\s+(?:and|und)\s+(?=(?:what|who|which|when|where|how|is|are|was|wer|wie|welche|wann|wo|ist)\b)",
        sentence,
        flags=re.IGNORECASE,
    )
    if len(pieces) > 1:
        yield from pieces
        return
    halves = re.split(r"\s+(?:and|und|as well as|sowie)\s+|,\s+", sentence)
    if len(halves) > 1 and all(_names_a_field(half) for half in halves):
        yield from halves
        return
    yield sentence


def _names_a_field(part: str) -> bool:
    asked = Ask(part, "en")
    head, _ = _head(asked)
    return head is not None and not asked.has(r"\b(?:between|zwischen|oder|or)\b")


def with_topic(ask: Ask, topic: str) -> Ask:
    """The same question about the thing that an earlier one named."""
    return replace(ask, text=f"{ask.text.rstrip('?! .')} {topic}?")
