# ruff: noqa: E501, ISC004
# E501: patterns and phrases stay on one line.
# ISC004: long patterns go on in the next string.
"""How people word a question, and what field, kind of value or owner that asks for.

Patterns over folded letters; of each table the first that matches counts.
"""

from typing import Final, Literal, TypeAlias

from visus.local.lite.answering.values import Kind

NAMED: Final[tuple[tuple[str, str], ...]] = (
    (r"^\W*(?:and |und )?(?:why|warum|weshalb|wieso)\b|^\W*for what reason\b|^\W*aus welchem grund\b", "reason"),
    (r"\bby (?:what|which) (?:date|day)\b.*\b(?:pay|paid|settled?)\b|\bbis zu welche[mnr] (?:datum|tag)\b.*(?:zahl|beglich|uberw)", "due_date"),
    (r"(?:for a living|\bwhat .*\bworks? as\b|\bvon beruf|\bberuflich)", "occupation"),
    (r"(?:\bhow (?:long|many days)\b.*\bto pay\b|\b(?:wie lange|wie viele? tage)\b.*\bzeit\b.*zahlen|\bwie (?:lange ist|lautet) .*zahlungsziel)", "payment_terms"),
    (r"\b(?:kostet|kosten|preis|price|how much|costs?)\b.*\b(?:ein(?:en)?|pro|je|per|a|one|the) (?:kilo\w*|kg|liter|litre|100 ?g(?:ramm)?)\b", "unit_price"),
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
ASKED: Final[tuple[tuple[str, str], ...]] = (
    (r"(?:until|till|by) when.*(?:\bpark|\bcar\b|\bstay\b|\bstand\b)|bis wann.*(?:\bpark|\bauto\b|stehen)", "paid_until"),
    (r"paid out|take[- ]home|(?:bekomm|verdien|krieg)\w* .*\b(?:netto|ausgezahlt|raus)\b|(?:earn|get|make)s? .*\bnet\b", "net_pay"),
    (r"(?:bekomm|verdien|krieg)\w* .*\bbrutto\b|(?:earn|get|make)s? .*\bgross\b", "gross_pay"),
    (r"bei wem arbeit|who (?:do|does|did) \w+ work for|for whom (?:do|does) \w+ work", "employer"),
    (r"(?:how much|wie ?viel)\b.*\b(?:is|are|ist|sind)\b.*\b(?:in the (?:jar|pack|packet|box|bottle|can|tin|bag)|(?:in (?:der|dem|diese[rm])|im) (?:packung|dose|glas|flasche|beutel|tute|schachtel|becher|sack))\b", "net_weight"),
    (r"(?:wann|um wie ?viel uhr|um welche).*\b(?:fahr|flieg|leg|start|geh)\w* .*\bab\b\W*$|wann.*\b(?:abfahrt|abflug|abfahr\w*|abflieg\w*)|(?:when|what time).*\b(?:depart|take off|leave|exit|drive out)s?\b|wann.*(?:ausgefahren|hinausgefahren|verlassen)", "departure_time"),
    (r"(?:wann|um wie ?viel uhr|um welche).*\b(?:komm\w*|leg\w*) .*\ban\b\W*$|wann.*\b(?:ankunft|ankomm\w*|eintriff\w*|landet)|(?:when|what time).*\b(?:arrive|land|get in|enter|drive in)s?\b|wann.*(?:eingefahren|hineingefahren)", "arrival_time"),
    (r"wie oft.*(?:nehm|einzunehmen|einnahme|tablette|anwend)|wie (?:soll|muss|wird|nimmt|nehme) .*(?:eingenommen|einnehm|dosier|angewendet|\bein\W*$)|how (?:often|many times).*(?:take|use|dose)|how (?:should|do|must) (?:i|you|it|one).*(?:take|taken|dosed)", "dosage"),
    (r"(?:wie heisst|welches|name).*\b(?:medikament\w*|arznei\w*|praparat\w*)|(?:what|which|name).*\b(?:medicine|medication|drug)\b(?!.*(?:dose|batch|expir))", "product"),
    (r"(?:unter )?welche[rn]? nummer.*(?:erreich|anruf|kontakt)|(?:which|what) number.*(?:call|reach|ring|dial)", "phone"),
    (r"(?:wen|wem|whom?)\b.*(?:anruf|kontakt|wend|melden|fragen|call|contact|phone|ring|ask\b|(?:talk|speak|turn|write) to\b)", "contact"),
    (r"(?:who|which (?:company|service)).*(?:deliver(?:ing|s)\b|carrier|courier)|(?:which|what) (?:carrier|courier|parcel service)|welche[rs]? (?:paketdienst|versanddienst\w*|spedition|zusteller)", "carrier"),
    (r"what(?:'s| is| does)?.*\b(?:inside|in the (?:parcel|package|box|packet)|(?:parcel|package|box) contains?)\b|what(?:'s| is| was)? in the (?:carton|crate|bag)\b|was (?:ist|befindet sich|enthalt).*\b(?:im (?:paket|karton|packchen|umschlag)|in de[mr] (?:paket|sendung|karton|packchen|kiste)|das paket|die sendung)\b", "contents"),
    (r"(?:what|which) (?:city|town|place).*(?:going|sent|deliver|ship|addressed|destined)|in welche stadt|(?:wohin|an welchen ort).*(?:paket|sendung|geliefert|geschickt)", "recipient_city"),
    (r"(?:who|which band|which artist|what band).*(?:perform|play|sing|on stage)|wer (?:spielt|tritt auf|singt)|welche band", "performer"),
    (r"(?:which|what|welche[rn]?) (?:position|job|role|funktion|stelle|beruf|job title)\b.*(?:hat|have|has|hold|bekleidet|sie|er|he|she|person)\b", "occupation"),
    (r"(?:which|what|welche[rn]?|bei welche[rm]) (?:company|firm|organi[sz]ation|firma|unternehmen|employer|arbeitgeber|organisation).*(?:work|\bwith\b|arbeitet|angestellt|beschaftigt|gehort)|who does (?:he|she) work for|(?:he|she) work(?:s)? for", "vendor"),
    (r"\b(?:paid|pay|spent|spend|charged)\b.*\b(?:altogether|in total|in all|overall)\W*$|\b(?:bezahlt|gezahlt|ausgegeben)\b.*\b(?:insgesamt|alles zusammen)\W*$", "total"),
    (r"wie ?viel.*(?:insgesamt|alles zusammen).*(?:bezahlt|gezahlt|ausgegeben|gekostet)|how much .*(?:in all|in total|altogether)", "total"),
    (r"how (?:did|do) (?:we|i|you|they|the \w+) pay\b|how was (?:it|this|the \w+) paid|wie (?:wurde|habe?n?|hat).*(?:bezahlt|gezahlt)", "payment_method"),
    (r"wie ?viele? (?:kalorien|kcal|kilojoule|energie)|how many (?:calories|kcal|kilojoules)|how much energy", "energy"),
    (r"(?:since|from) (?:when|what date)\b|seit wann|ab wann (?:gilt|gelten|gultig)|when .*\b(?:start|begin) to apply", "start_date"),
    (r"^\W*(?:when|(?:on )?(?:what|which) (?:day|date)) (?:was|were|did|has)\b.*\b(?:paid|pay|settled)\b|^\W*(?:wann|an welchem tag) (?:wurde|hat|haben|ist)\b.*(?:bezahlt|gezahlt|beglichen)\W*$", "payment_date"),
    (r"(?:when|by when|until when).*(?:paid|pay\b|payable|due)|bis wann.*(?:zahl|bezahl|uberw|beglich)|wann.*(?:fallig|zahlbar|bezahlt werden|zu zahlen|gezahlt werden)|latest.*(?:pay|paid)", "due_date"),
    (r"when.*(?:expir|\bruns? out)|how long.*(?:good|keep|valid|last)|(?:bis wann|wie lange|wann).*(?:haltbar|gultig|ablauft|lauft.* ab|verbraucht)|until when.*(?:valid|good)|wann.*ablauf", "expiry_date"),
    (r"\bcheck(?:s|ed|ing)?[ -]in\b|\banreis|\bangereist|eincheck|check-?in\b", "start_date"),
    (r"\bcheck(?:s|ed|ing)?[ -]out\b|\babreis|\babgereist|auscheck|check-?out\b", "end_date"),
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
    (r"works? as\b|beruflich", "occupation"),
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
    (r"^\W*where\b.*\b(?:work|job)\b.*\b(?:done|carried out|performed)\b|^\W*wo\b.*\b(?:arbeiten|arbeit)\b.*\b(?:ausgefuhrt|durchgefuhrt|erledigt|gemacht)\b", "address"),
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
OWNERS: Final[tuple[tuple[str, Owner], ...]] = (
    (r"\b(?:sender|supplier|vendor|seller|company|store|shop|issuer|merchant|author|absender\w*|lieferant\w*|verkaufer\w*"
     r"|firma|laden\w*|geschaft\w*|unternehmen\w*|verfasser\w*|aussteller\w*)\b", "sender"),
    (r"\b(?:recipient|customer|client|buyer|addressee|empfanger\w*|kunde\w*|kundin|kaufer\w*|adressat\w*)\b", "recipient"),
)  # fmt: skip


KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"\b(?:what time|um wie ?viel uhr|uhrzeit|wie spat)\b", "time"),
    (r"\b(?:when|wann|date|datum|what day|which day|an welchem tag|welcher tag|deadline)\b|datum\b", "date"),
    (r"^\W*(?:and |und )?(?:where|wo|wohin|woher)\b", "place"),
    (r"^\W*(?:and |und )?(?:who|whom|whose|wer|wen|wem|to whom|an wen|von wem)\b", "name"),
    (r"\b(?:percent\w*|prozent\w*)\b", "percent"),
    (r"\b(?:how many|wie ?vielen?|number of|anzahl)\b", "number"),
    (r"\bhow (?:heavy|tall|wide|long|large|big|deep)\b|\bwie (?:schwer|lang|breit|gross|tief|weit)\b", "measure"),
    (r"\b(?:how much|cost\w*|price\w*|fee\w*|kostet\w*|preis\w*|betrag\w*|wie ?viel|wie hoch|gekostet|gebuhr\w*|expensive|teuer|amount)\b", "amount"),
)  # fmt: skip
