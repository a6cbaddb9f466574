# ruff: noqa: E501, PLR2004
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
"""What labels on documents are called, in English and German.

Data, and one index over it. A *field* is a meaning (`due_date`); a *name* is one way to print it
on paper or to say it in a question. The longest name wins, so that `due date` is never `date`.
"""

from functools import cache
from typing import Final, NamedTuple

from visus.local.lite.answering.values import Kind
from visus.local.lite.answering.words import (
    Token,
    compact,
    distance_is_at_most_one,
    tokens,
)


class Field(NamedTuple):
    """A meaning that a label can have. Names are separated by `|`; the first is for display."""

    key: str
    kind: Kind
    english: str
    german: str
    also: tuple[str, ...] = ()
    """Fields whose labels answer too, if none of this field's own is there."""


FIELDS: Final = (
    Field("total", "amount", "total|grand total|total amount|amount due|total due|balance due|amount payable|total payable|invoice total|invoice amount|total price|gross|gross total|gross amount|total gross|total incl vat|total incl tax|total including vat|total including tax|total inc vat|to pay|sum|sum total|total sum|total cost|order total|final amount|amount to pay|balance|please pay|total to pay|amount owed|you pay|final total|bill total|payable amount|total charge|total charges|total value|amount now due|sum due|sum payable|total fare|total charged|balance payable|amount charged|total paid|amount paid|total eur|total gbp|total usd", "Gesamtbetrag|summe|gesamtsumme|rechnungsbetrag|endbetrag|gesamt|total|zu zahlen|zahlbetrag|bruttobetrag|brutto|gesamt brutto|summe brutto|gesamtbetrag brutto|endsumme|betrag|zu zahlender betrag|gesamtpreis|rechnungssumme|gesamtkosten|zahlungsbetrag|gesamt eur|summe eur|zu bezahlen|gesamtbetrag inkl mwst|gesamt inkl mwst|rechnungsendbetrag|auszahlungsbetrag|bruttosumme|gesamtrechnungsbetrag|forderungsbetrag|offener betrag|zahlungssumme|zu uberweisen|uberweisungsbetrag|zahlsumme|gesamtrechnung|summe gesamt|gesamt summe|abbuchungsbetrag"),
    Field("net", "amount", "net amount|subtotal|sub total|sub-total|net|net total|total net|net sum|amount before tax|total excl vat|total excluding vat|total excluding tax|total before tax|total excl tax|price before tax|amount excluding vat|net value|taxable amount|goods total|merchandise total|amount without tax|amount without vat", "Nettobetrag|zwischensumme|netto|summe netto|nettosumme|gesamt netto|netto gesamt|netto betrag|betrag netto|warenwert|gesamtbetrag netto|netto summe|nettowert|rechnungsbetrag netto|gesamtnetto|betrag ohne mwst|teilsumme"),
    Field("vat", "amount", "VAT|tax|vat amount|tax amount|sales tax|value added tax|gst|total vat|total tax|hst|taxes|incl vat|including vat|includes vat|vat total", "MwSt.|mehrwertsteuer|umsatzsteuer|ust|mwst betrag|ust betrag|steuer|steuerbetrag|mehrwertsteuerbetrag|umsatzsteuerbetrag|zzgl mwst|zzgl ust|enthaltene mwst|enthaltene mehrwertsteuer|inkl mwst|davon mwst|gesamtsteuer|mwst gesamt|zuzuglich mwst|zzgl umsatzsteuer|zzgl mehrwertsteuer|enthalt mwst|darin enthalten mwst"),
    Field("vat_rate", "percent", "VAT rate|tax rate|vat percentage|vat percent|tax percentage|rate of vat|sales tax rate|tax percent|percentage of vat|percent vat", "MwSt.-Satz|mehrwertsteuersatz|steuersatz|umsatzsteuersatz|ust satz|satz mwst|mwst satz|prozent mwst|prozentsatz mwst|mwst prozent", ("vat",)),
    Field("discount", "amount", "discount|rebate|discount amount|you saved|savings|coupon|voucher", "Rabatt|nachlass|preisnachlass|ermassigung|rabattbetrag|gutschein|ersparnis|abzug"),
    Field("cash_discount", "text", "cash discount|early payment discount", "Skonto|skonto betrag"),
    Field("shipping", "amount", "shipping|shipping cost|shipping costs|delivery fee|delivery charge|postage|shipping and handling|freight|delivery costs|shipping fee|carriage|delivery cost|shipping charge|shipping charges", "Versandkosten|versand|lieferkosten|porto|fracht|frachtkosten|liefergebuhr|versand und verpackung|versandpauschale|transportkosten"),
    Field("tip", "amount", "tip|gratuity|service charge", "Trinkgeld|bedienung|servicegebuhr"),
    Field("deposit", "amount", "deposit|down payment|security deposit|advance payment", "Kaution|anzahlung|pfand|mietkaution|sicherheit"),
    Field("cash", "amount", "cash|cash given|cash paid|amount tendered|tendered|cash tendered|paid cash|amount given|cash received|amount paid|paid in cash", "Bar|gegeben|bargeld|gegeben bar|bar gegeben|barzahlung|bezahlt bar|erhalten|gezahlt|bar bezahlt"),
    Field("change", "amount", "change|change due|cash back|change given", "Rückgeld|wechselgeld|ruckgeld bar|zuruck"),
    Field("amount_due", "amount", "outstanding amount|outstanding balance|balance|remaining balance|open amount|amount outstanding|remaining amount", "Restbetrag|offener restbetrag|restsumme|ausstehender betrag|noch offen", ("total",)),
    Field("rent", "amount", "rent|monthly rent", "Miete|kaltmiete|monatsmiete|warmmiete"),
    Field("gross_pay", "amount", "gross pay|gross salary|gross wage|gross wages|gross earnings|gross income|total earnings", "Bruttolohn|bruttogehalt|gesamtbrutto|bruttoverdienst|bruttobezuge|brutto bezuge|gehalt brutto|lohn brutto", ("salary",)),
    Field("net_pay", "amount", "net pay|net salary|net wage|net wages|take home pay|take-home pay|net earnings|net income|pay out", "Nettolohn|nettogehalt|nettoverdienst|nettobezuge|auszahlung|auszahlungsbetrag|gehalt netto|lohn netto", ("salary",)),
    Field("salary", "amount", "salary|wage|wages|pay|basic pay|basic salary", "Gehalt|lohn|grundgehalt|grundlohn|verdienst", ("net_pay", "gross_pay")),
    Field("invoice_number", "identifier", "invoice number|invoice id|invoice ref|invoice reference|bill number|inv number|tax invoice number|number invoice|invoice code|invoice identifier", "Rechnungsnummer|rechnungs nr|rechnung nr|re nr|rg nr|rech nr|rechnungskennung|nummer rechnung|rnr|rechnungs id", ("document_number",)),
    Field("document_number", "identifier", "document number|doc number|number|voucher number|document id", "Belegnummer|beleg nr|beleg|dokumentnummer|nummer|vorgangsnummer|dokumentennummer|vorgang|beleg id", ("receipt_number",)),
    Field("receipt_number", "identifier", "receipt number|receipt id|transaction number|transaction id|trans id|bon number|till receipt number|number receipt|ticket number|check number|receipt|trx|transaction", "Bonnummer|bon nr|kassenbon nr|quittungsnummer|quittung nr|transaktionsnummer|ta nr|bon|kassenbeleg nr", ("document_number",)),
    Field("order_number", "identifier", "order number|order id|order|purchase order|po number|purchase order number|order reference|your order|order ref|po|number order|your order number|order code", "Bestellnummer|auftragsnummer|bestell nr|auftrags nr|ihre bestellung|auftrag nr|bestellung nr|auftrag|order nr|bestellung|nummer bestellung"),
    Field("customer_number", "identifier", "customer number|customer id|client number|client id|account number|customer account|customer code|cust number|customer ref|number customer|account|acct|account no|account id|customer account number", "Kundennummer|kunden nr|kd nr|kundenkennung|debitorennummer|debitor|ihre kundennummer|kunden id|kdnr|nummer kunde|debitor nr|kundenkonto"),
    Field("delivery_note", "identifier", "delivery note number|delivery note|packing slip number|dispatch note number|delivery number", "Lieferscheinnummer|lieferschein nr|lieferschein|liefernummer|ls nr"),
    Field("contract_number", "identifier", "contract number|contract id|agreement number|contract", "Vertragsnummer|vertrags nr|vertrag nr|vertrag|vertragskonto|vertragskontonummer"),
    Field("policy_number", "identifier", "policy number|insurance number|policy|insurance policy number|insurance id|insured number|insurance policy|policy id|social security number|national insurance number|insurance", "Versicherungsnummer|versicherungsscheinnummer|policennummer|versicherungs nr|police|versicherungsschein nr|versichertennummer|vers nr|versicherten nr|versicherten id|versicherungs id|sozialversicherungsnummer|rentenversicherungsnummer|krankenversicherungsnummer|krankenversichertennummer|sv nummer|vsnr|vs nr|versicherung nr"),
    Field("member_number", "identifier", "membership number|member number|member id|membership id", "Mitgliedsnummer|mitglieds nr|mitglied nr"),
    Field("employee_number", "identifier", "employee number|employee id|staff id|personnel number|staff number", "Personalnummer|personal nr|mitarbeiternummer|mitarbeiter nr|mitarbeiter id|pers nr"),
    Field("student_number", "identifier", "student number|student id|matriculation number|matric number", "Matrikelnummer|matrikel nr|schulernummer"),
    Field("patient_number", "identifier", "patient number|patient id", "Patientennummer|patienten nr|patienten id|patientenkennung"),
    Field("case_number", "identifier", "case number|file number|file reference|reference number|case id|claim number|file ref|claim|claim id|our reference|our ref|reference|ref|your reference|your ref|ref number|reference code", "Aktenzeichen|az|geschaftszeichen|unser zeichen|schadennummer|vorgangszeichen|fallnummer|referenznummer|referenz|zeichen|ihr zeichen|schaden nr|referenz nr|unsere referenz|kennzeichen vorgang|ihre referenz|fall nr"),
    Field("booking_number", "identifier", "booking number|booking reference|reservation number|confirmation number|booking code|pnr|booking id|booking ref|reservation code|confirmation code|reservation id|booking|record locator", "Buchungsnummer|buchungscode|reservierungsnummer|buchungs nr|bestatigungsnummer|reservierungscode|buchung|buchungsreferenz|reservierungs nr"),
    Field("tracking_number", "identifier", "tracking number|shipment number|tracking id|consignment number|parcel number|tracking|awb|waybill|waybill number|tracking code|shipment id|airway bill|parcel id|package number", "Sendungsnummer|paketnummer|trackingnummer|sendungs nr|paket nr|sendungsverfolgungsnummer|identcode|auftragsnummer sendung|sendung nr|frachtbriefnummer"),
    Field("item_number", "identifier", "item number|article number|part number|sku|product code|model number|item code|product number|ref code|art no|catalogue number|stock number|product id|item id|part no|p/n|article code", "Artikelnummer|art nr|artikel nr|produktnummer|teilenummer|sachnummer|modellnummer|best nr|material nr|materialnummer|produktcode|artnr"),
    Field("model", "text", "model|model name|device|type designation", "Modell|geratetyp|typbezeichnung|gerat|modellbezeichnung|typ"),
    Field("serial_number", "identifier", "serial number|serial|s/n|ser no|sn|serial id", "Seriennummer|serien nr|fabriknummer|geratenummer|ser nr|fabrik nr|gerate nr"),
    Field("batch_number", "identifier", "batch number|lot number|batch|lot|batch code|lot code|batch id|lot id|lot/batch", "Chargennummer|charge|chargen nr|ch b|los nr|losnummer|ch bez|chargenbezeichnung|los|charge nr|chb"),
    Field("ean", "identifier", "EAN|gtin|upc|barcode number|ean code|barcode|bar code|number barcode", "EAN|gtin|ean code|strichcode|strichcodenummer"),
    Field("isbn", "identifier", "ISBN", "ISBN"),
    Field("vat_id", "identifier", "VAT ID|vat number|vat registration number|vat reg number|tax id|tax number|tin|ein|vat identification number|tax identification number|vat reg|uid|vat registration", "USt-IdNr.|umsatzsteuer id|ust id|umsatzsteueridentifikationsnummer|uid nr|umsatzsteuer identifikationsnummer|ustid|uid|ust id nr|uid nummer|mwst nr|mwst nummer"),
    Field("tax_code", "identifier", "tax code|tax class|tax bracket", "Steuerklasse|lohnsteuerklasse|steuerkennzeichen"),
    Field("tax_number", "identifier", "tax number|tax reference|tax reference number", "Steuernummer|steuer nr|st nr|steuer id|steueridentifikationsnummer|stnr|steuerliche identifikationsnummer|idnr"),
    Field("registry_number", "identifier", "company registration number|company number|registration number|commercial register|reg number|registered number|company reg number|registration", "Handelsregisternummer|hrb|handelsregister|registernummer|registergericht|hr nr|amtsgericht|hra"),
    Field("passport_number", "identifier", "passport number|id number|identity card number|document number id|passport|identity number|id card number|id", "Passnummer|ausweisnummer|personalausweisnummer|pass nr|ausweis nr|reisepassnummer|id nr"),
    Field("meter_number", "identifier", "meter number|meter id|meter", "Zählernummer|zahler nr|zahler"),
    Field("meter_reading", "number", "meter reading|reading", "Zählerstand|ablesung|ablesewert"),
    Field("till", "identifier", "till|register|pos|terminal|cash register|till number|register number|terminal id|terminal number|pos number", "Kasse|kassen nr|terminal id|kassennummer|kasse nr|terminal|terminal nr"),
    Field("table_number", "identifier", "table number|table", "Tischnummer|tisch|tisch nr"),
    Field("page_number", "text", "page number|page", "Seitenzahl|seite"),
    Field("iban", "iban", "IBAN|iban number|bank account|bank account number|account iban", "IBAN|iban nummer|bankkonto|kontonummer|konto nr|bankverbindung|konto"),
    Field("bic", "bic", "BIC|swift|swift code|bic/swift|bic code|swift bic", "BIC|swift|bic code"),
    Field("sort_code", "identifier", "sort code|routing number|bank code", "Bankleitzahl|blz"),
    Field("bank", "name", "bank|bank name|name bank|name of the bank", "Bank|kreditinstitut|bankname|geldinstitut|name bank|hausbank"),
    Field("account_holder", "name", "account holder|account name|payee|account owner|beneficiary", "Kontoinhaber|zahlungsempfanger|begunstigter|kontoinhaberin"),
    Field("card_number", "identifier", "card number|credit card number|card|card ending", "Kartennummer|karten nr|kreditkartennummer|karte nr|kreditkarte"),
    Field("payment_reference", "text", "payment reference|remittance reference|purpose of payment|reason for payment", "Verwendungszweck|zahlungsreferenz|zahlungszweck|betreff zahlung"),
    Field("payment_method", "text", "payment method|method of payment|paid by|payment type|payment mode|payment|mode of payment|form of payment|paid with|tendered by|card type", "Zahlungsart|zahlungsweise|zahlart|bezahlt mit|zahlungsmethode|zahlungsmittel|zahlung|bezahlart|gegeben|bezahlt per"),
    Field("payment_terms", "text", "payment terms|terms of payment|terms|payment conditions|terms payment", "Zahlungsbedingungen|zahlungsziel|zahlungsfrist|zahlbar|zahlungskonditionen|zahlungsbedingung"),
    Field("invoice_date", "date", "invoice date|date of invoice|date invoice|issue date|date of issue|issued|bill date|date issued|issued on|billing date|invoiced on|invoice dated|tax date|date billed|issue|raised on|invoice raised|drawn up on|bill issued", "Rechnungsdatum|datum rechnung|ausstellungsdatum|ausgestellt am|belegdatum|re datum|rechnung vom|datum ausstellung|rg datum|ausgestellt|erstellt am|rechnung erstellt am", ("date",)),
    Field("date", "date", "date|dated|date of letter|date letter|document date|date receipt|letter date|receipt date", "Datum|vom|briefdatum|datum brief|datum quittung|bondatum|datum beleg", ("invoice_date", "order_date", "purchase_date", "event_date")),
    Field("due_date", "date", "due date|payment due|due|pay by|due by|payable by|date due|payment due date|payable until|payment deadline|payment date|please pay by|due on|payable before|pay before|deadline payment|payment due by|settle by|settlement date|payment by|to be paid by|pay no later than|payable on|remit by|please settle by|please pay before|direct debit on|collection date|debit date", "Fälligkeitsdatum|fallig am|zahlbar bis|fallig|falligkeit|zahlungsziel|zahlungstermin|zahlbar bis zum|zahlbar zum|zu zahlen bis|zahlungsfrist|spatestens bis|zahlung bis|uberweisen bis|zahlbar am|zahlung fallig am|zahlung bis zum|begleichen bis|zu begleichen bis|lastschrift am|abbuchung am|einzug am|einzugsdatum lastschrift"),
    Field("order_date", "date", "order date|date of order|date order|ordered on|order placed|purchase order date|ordered", "Bestelldatum|auftragsdatum|bestellt am|datum bestellung|bestellung vom|auftrag vom"),
    Field("purchase_date", "date", "purchase date|purchased|purchased on|bought|bought on|date of purchase|date purchase|transaction date|date transaction|sale date|date of sale|visit date", "Kaufdatum|einkaufsdatum|datum kauf|verkaufsdatum|datum einkauf|transaktionsdatum", ("date",)),
    Field("payment_date", "date", "paid on|date paid|date of payment|payment received|payment received on|received on|paid at", "Bezahlt am|gezahlt am|zahlungseingang|zahlung erhalten am|bezahldatum|beglichen am|datum der zahlung|geldeingang", ("purchase_date",)),
    Field("delivery_date", "date", "delivery date|date of delivery|date delivery|ship date|shipping date|delivered on|dispatch date|date shipped|supply date|date of supply|shipped|shipped on|expected delivery|estimated delivery|delivery by", "Lieferdatum|liefertermin|leistungsdatum|versanddatum|geliefert am|datum lieferung|lieferung am|lieferzeitpunkt|datum leistung|versendet am|voraussichtliche lieferung|zustelltermin"),
    Field("period", "text", "period|billing period|service period|invoice period|period of service", "Zeitraum|leistungszeitraum|abrechnungszeitraum|rechnungszeitraum|lieferzeitraum|zeitraum leistung"),
    Field("expiry_date", "date", "expiry date|best before|expiration date|use by|exp|expires|exp date|valid until|valid thru|expiry|best before date|use before|bb|bbe|expires on|best by|date of expiry|valid to|expiration|consume by|best if used by|best before end|shelf life|good until|date expiry|valid through|expire|end of validity", "Ablaufdatum|mindesthaltbarkeitsdatum|mindestens haltbar bis|mhd|haltbar bis|verfallsdatum|gultig bis|verfalldatum|zu verbrauchen bis|ablauf|verwendbar bis|verbrauchen bis|verw bis|gultigkeit|mindestens haltbar|haltbarkeit|haltbarkeitsdatum|gultig bis zum|exp"),
    Field("production_date", "date", "production date|manufacturing date|mfg date|mfd|date of manufacture|manufactured|packed on|mfg|manufacture date|date manufacture|packing date|date production|manufactured on|packed|prod date", "Herstellungsdatum|produktionsdatum|hergestellt am|verpackt am|herstelldatum|abgepackt am|datum herstellung|baujahr|prod datum|produziert am"),
    Field("birth_date", "date", "date of birth|birth date|dob|born|birthday|date birth|born on|birthdate", "Geburtsdatum|geboren am|geb|geburtstag|geb am|geboren|geb datum"),
    Field("start_date", "date", "start date|from|begin date|valid from|start|check in|check-in|arrival date|arrival|commencement date|move in date|effective date|check in date|entry date|starting date|date start|begin|first day", "Beginn|von|gultig ab|startdatum|anreise|vertragsbeginn|ab|einzugsdatum|mietbeginn|eintrittsdatum|anreisedatum|beginn am|start|erster tag|gultig von"),
    Field("end_date", "date", "end date|to|until|check out|check-out|departure date|end|finish date|check out date|date end|last day", "Ende|bis|enddatum|abreise|vertragsende|mietende|abreisedatum|letzter tag|austrittsdatum"),
    Field("event_date", "date", "event date|appointment|appointment date|meeting date|date of appointment|date appointment|date meeting|date event|next appointment|date and time|exam date|date exam|date of visit|travel date", "Termin|veranstaltungsdatum|termindatum|datum termin|besprechungstermin|terminvorschlag|nachster termin|prufungstermin|datum veranstaltung|reisedatum|behandlungstermin"),
    Field("deadline", "date", "deadline|submission deadline|reply by|response deadline|please reply by|closing date|last date|application deadline|respond by", "Frist|abgabefrist|einsendeschluss|stichtag|antwort bis|rucksendung bis|abgabetermin|anmeldeschluss|bewerbungsfrist"),
    Field("signature_date", "date", "date of signature|signed on|date signed|signature date|date signature", "Datum der Unterschrift|unterschrieben am|datum unterschrift|ort datum", ("date",)),
    Field("time", "time", "time|transaction time|time of purchase|hour|time purchase|time transaction|clock", "Uhrzeit|zeit|bonzeit|uhr|zeitpunkt"),
    Field("departure_time", "time", "departure|departure time|departs|dep|leaves|time departure|exit|exit time|time out|way out", "Abfahrt|ausfahrt|ausfahrtszeit|ausfahrt zeit|abflug|abfahrtszeit|abflugzeit|abf|ab"),
    Field("arrival_time", "time", "arrival time|arrives|arr|time arrival|entry|entry time|time in|entered", "Ankunft|einfahrt|einfahrtszeit|einfahrt zeit|ankunftszeit|an"),
    Field("boarding_time", "time", "boarding time|boarding|time boarding", "Boarding|boardingzeit|einstieg|einsteigezeit"),
    Field("opening_hours", "text", "opening hours|hours|business hours|open|office hours|opening times", "Öffnungszeiten|geoffnet|geschaftszeiten|sprechzeiten|sprechstunde|burozeiten"),
    Field("paid_until", "time", "paid until|parking ends|parking until|end of parking|parking end|parking expires", "Parkende|parkzeitende|ende der parkzeit|bezahlt bis|parken bis", ("expiry_date",)),
    Field("duration", "text", "duration|length|term|running time|runtime|parking time|length of stay|stay", "Dauer|parkdauer|parkzeit|aufenthaltsdauer|aufenthalt|laufzeit|lange|spieldauer"),
    Field("recipient", "name", "recipient|bill to|billed to|invoice to|ship to|to|sold to|customer|deliver to|addressee|customer name|client|attn|attention|client name|name customer|buyer|purchaser|billing address|invoice recipient|name recipient|consignee|delivered to|delivery to|recipient name|customer/recipient", "Empfänger|rechnungsempfanger|rechnung an|an|kunde|lieferung an|kundin|rechnungsadresse|kaufer|lieferadresse|z hd|auftraggeber|name kunde|kundenname|besteller|adressat|empfangerin|rechnungsanschrift|name empfanger|zu handen|lieferanschrift|zhd|warenempfanger"),
    Field("sender", "name", "sender|from|ship from|sent by|return address|shipper|sender name|name sender|consignor", "Absender|von|abs|absenderin|versender|rucksendeadresse|name absender"),
    Field("vendor", "name", "vendor|supplier|seller|company|company name|store|shop|issuer|merchant|biller|name company|name of the company|store name|shop name|name shop|name store|sold by|payee company|service provider|provider|restaurant|issued by|merchant name|retailer|supplier name|vendor name|business|business name|firm|supermarket|restaurant name|brand owner|dealer|stockist|bought at|bought from|purchased from|purchased at", "Firma|lieferant|verkaufer|aussteller|unternehmen|rechnungssteller|geschaft|laden|firmenname|handler|anbieter|name firma|rechnungsaussteller|markt|filiale|name unternehmen|verkauft durch|restaurant|name geschaft|leistungserbringer|dienstleister|supermarkt|verkaufsstelle|auftragnehmer|handelsunternehmen", ("sender", "manufacturer")),
    Field("manufacturer", "name", "manufacturer|made by|producer|brand|manufactured by|produced by|maker|distributor|brand name", "Hersteller|marke|produzent|hergestellt von|inverkehrbringer|vertrieb|markenname|vertrieb durch|produziert von"),
    Field("contact", "name", "contact|contact person|your contact|account manager|clerk|handled by|person in charge|agent|case worker|person responsible|advisor|responsible|sales representative|salesperson|representative|sales rep|consultant", "Ansprechpartner|ansprechpartnerin|sachbearbeiter|bearbeiter|kontakt|ihr ansprechpartner|sachbearbeiterin|zustandig|bearbeitet von|berater|kundenberater|betreuer|kontaktperson|bearbeiterin|ihre ansprechpartnerin"),
    Field("cashier", "name", "cashier|served by|operator|server|waiter|you were served by|waitress|sales assistant|host|served you", "Kassierer|bediener|es bediente sie|kassiererin|bedient von|kellner|verkaufer/in|bedienung durch|es bediente|sie wurden bedient von|bedienerin"),
    Field("name", "name", "name|full name|traveller|traveler|ticket holder|card holder|cardholder|volunteer|applicant|applicant name|name of applicant|patient|passenger|passenger name|holder|student|employee|patient name|guest|guest name|participant|tenant|employee name|student name|insured|insured person|policyholder|owner|driver|member|name patient|name passenger|name guest|name applicant|member name|visitor|subscriber|author", "Name|vollstandiger name|antragsteller|antragstellerin|patient|patientin|fahrgast|passagier|inhaber|teilnehmer|mieter|versicherungsnehmer|mitarbeiter|gast|vor und nachname|name vorname|versicherter|fahrer|mitglied|halter|schuler|student|name patient|name mieter|teilnehmerin|mieterin|besucher|eigentumer|autor|name antragsteller|reisende|reisender|fahrgast|karteninhaber|inhaber"),
    Field("first_name", "name", "first name|given name|forename|given names|first names|christian name", "Vorname|vornamen|rufname"),
    Field("last_name", "name", "last name|surname|family name", "Nachname|familienname|zuname", ()),
    Field("maiden_name", "name", "maiden name|name at birth|birth name", "Geburtsname"),
    Field("birth_place", "place", "place of birth|birthplace|place birth", "Geburtsort|ort geburt"),
    Field("gender", "text", "gender|sex", "Geschlecht"),
    Field("salutation", "text", "title|salutation|form of address", "Anrede|titel"),
    Field("nationality", "text", "nationality|citizenship", "Staatsangehörigkeit|nationalitat|staatsburgerschaft"),
    Field("marital_status", "text", "marital status|civil status|family status", "Familienstand"),
    Field("occupation", "text", "occupation|profession|job title|position held|job|role|position title|employment", "Beruf|tatigkeit|berufsbezeichnung|position beruf|stelle|funktion|beschaftigung|ausgeubter beruf|erlernter beruf|derzeitiger beruf"),
    Field("employer", "name", "employer|organisation|organization|institution|organisation name", "Arbeitgeber|organisation|einrichtung|institution|verein"),
    Field("department", "text", "department|division|team|unit|cost center|cost centre|office", "Abteilung|bereich|referat|kostenstelle|dienststelle|sachgebiet"),
    Field("doctor", "name", "doctor|physician|treating physician|attending physician|gp", "Arzt|arztin|behandelnder arzt|hausarzt"),
    Field("teacher", "name", "teacher|instructor|lecturer|tutor", "Lehrer|lehrerin|dozent|kursleiter|kursleitung"),
    Field("course", "text", "course|class|course name|course title", "Kurs|lehrgang|kursname|klasse|kurstitel"),
    Field("address", "place", "address|home address|postal address|residence|mailing address|residential address|company address|street address|delivery address|shipping address|property address|site address|job address|work address|service address", "Adresse|einsatzort|anschrift|wohnanschrift|wohnort adresse|postanschrift|firmenanschrift|wohnadresse|objektadresse"),
    Field("street", "place", "street|street name|street and number|street number|house number|address line", "Straße|strasse|hausnummer|strasse hausnummer|strasse und hausnummer|strasse nr|str", ("address",)),
    Field("postcode", "postcode", "postcode|zip|zip code|postal code|post code|postcode city|zip city|postcode town|zip code city", "Postleitzahl|plz|plz ort|postleitzahl ort|plz stadt|plz wohnort"),
    Field("city", "place", "city|town|place|city/town|municipality|postcode city|zip city|postcode town|zip code city", "Ort|stadt|wohnort|gemeinde|plz ort|postleitzahl ort|plz stadt|plz wohnort"),
    Field("country", "place", "country", "Land|staat"),
    Field("region", "place", "state|region|province|county|district", "Bundesland|kanton|landkreis|bezirk"),
    Field("origin", "place", "origin|country of origin|made in|product of|country origin|source|grown in|produce of", "Herkunft|ursprungsland|herkunftsland|ursprung|hergestellt in|land herkunft|anbaugebiet|anbauland"),
    Field("departure", "place", "departure airport|from station|departing from|departure city|origin airport|departure station|from", "Abflughafen|startbahnhof|abfahrtsort|startort|von bahnhof|von|ab bahnhof", ("sender", "start_date")),
    Field("destination", "place", "destination|arrival airport|going to|destination airport|arrival city|travel to|to|towards|bound for", "Ziel|zielort|zielbahnhof|reiseziel|zielflughafen|bestimmungsort|nach|richtung|fahrtziel", ("recipient", "end_date")),
    Field("venue", "place", "venue|location|where|place of event|hall|place of meeting", "Veranstaltungsort|ort der veranstaltung|treffpunkt|saal|location|standort"),
    Field("room", "text", "room|room number|meeting room|classroom", "Raum|zimmer|zimmernummer|zimmer nr|raum nr|raumnummer|besprechungsraum"),
    Field("email", "email", "e-mail|email|email address|mail|e-mail address|mail address", "E-Mail|mail|e-mail adresse|emailadresse|mailadresse|e mailadresse"),
    Field("phone", "phone", "phone|telephone|phone number|tel|telephone number|contact number|call|helpline|hotline|customer service number|phone no|contact phone|landline", "Telefon|telefonnummer|tel|fon|rufnummer|tel nr|hotline|telefon nr|ruf|festnetz|servicenummer|durchwahl", ("mobile",)),
    Field("mobile", "phone", "mobile|cell|mobile number|cell phone|mobile phone|cell number|cellphone", "Mobil|handy|mobilnummer|handynummer|mobiltelefon|mobilfunk|mobilfunknummer"),
    Field("fax", "phone", "fax|fax number|telefax|facsimile", "Fax|telefax|faxnummer|fax nr"),
    Field("website", "url", "website|web|url|homepage|web site|internet|web address|web page|site", "Webseite|website|internet|homepage|web|internetadresse|internetseite|webadresse"),
    Field("subject", "text", "subject|re|regarding|subject line|topic|concerning", "Betreff|betr|thema|gegenstand|betreffzeile|betrifft"),
    Field("description", "text", "description|service|services|item description|product description", "Beschreibung|bezeichnung|leistung|artikelbezeichnung|produktbezeichnung|leistungsbeschreibung"),
    Field("product", "text", "product name|name of the product|name product|item name|product title|article name", "Produktname|name des produkts|name produkt|artikelname|produktbezeichnung|name artikel"),
    Field("quantity", "number", "quantity|qty|pcs|pieces|units|count|number of pieces|number pieces|number units|ordered quantity", "Menge|anzahl|stuck|stk|stuckzahl|anz|bestellmenge"),
    Field("unit_price", "amount", "unit price|price per unit|price each|rate|price/unit|price per piece|each|single price|unit cost|price unit|price per kg|price/kg|price per kilo|price per litre", "Einzelpreis|preis je kg|preis pro kg|preis/kg|kilopreis|preis pro kilo|preis je liter|preis pro liter|literpreis|stuckpreis|preis pro stuck|e preis|ep|ep eur|preis/stuck|preis je einheit|grundpreis|preis stuck|e-preis|einzel|einheitspreis", ("price",)),
    Field("price", "amount", "price|cost|fare|fee|ticket price|retail price|charge|amount|ticket|entry fee|admission|admission fee|entrance fee|entrance|fees", "Preis|kosten|gebuhr|fahrpreis|verkaufspreis|eintritt|ticketpreis|entgelt|gebuhren|betrag", ("unit_price", "line_total", "total")),
    Field("line_total", "amount", "line total|amount|item total|line amount|total price|extended price", "Gesamtpreis|g preis|gp|positionsbetrag|gesamt|gp eur|zeilensumme|betrag|g-preis"),
    Field("hourly_rate", "amount", "hourly rate|rate per hour|per hour", "Stundensatz|stundenlohn|pro stunde"),
    Field("hours", "number", "hours worked|working hours|number of hours", "Arbeitsstunden|stunden|anzahl stunden"),
    Field("net_weight", "measure", "net weight|net wt|net content|net contents|contents|net quantity|net wt.|content|net content weight|volume|net volume", "Nettogewicht|fullmenge|inhalt|nettofullmenge|netto gewicht|nennfullmenge|gewicht netto|einwaage|nettoinhalt", ("weight",)),
    Field("gross_weight", "measure", "gross weight|gross wt", "Bruttogewicht|brutto gewicht|gewicht brutto", ("weight",)),
    Field("weight", "measure", "weight|wt|total weight|mass|weigh|weighs", "Gewicht|gesamtgewicht|masse|gew|wiegt|wiegen", ("net_weight", "gross_weight")),
    Field("dimensions", "text", "dimensions|size|measurements|size (cm)|dimension", "Maße|abmessungen|grosse|masse|abmessung|format"),
    Field("height", "measure", "height|body height", "Höhe|korpergrosse|grosse"),
    Field("area", "measure", "area|living area|floor area|surface", "Fläche|wohnflache|nutzflache|grundflache"),
    Field("opening_hours", "text", "opening hours|opening times|hours|business hours|open|hours of operation|visiting hours", "Öffnungszeiten|geoffnet|offnungszeit|geschaftszeiten|sprechzeiten|besuchszeiten"),
    Field("storage", "text", "storage|storage conditions|store at|keep|storage instructions|storage temperature", "Lagerung|lagerhinweis|aufbewahrung|lagern bei|lagertemperatur|lagerbedingungen|aufbewahren"),
    Field("temperature", "measure", "temperature|temp", "Temperatur"),
    Field("ingredients", "text", "ingredients", "Zutaten|inhaltsstoffe|bestandteile|zutatenliste"),
    Field("allergens", "text", "allergens|allergies|allergic|allergy|allergen information|allergy advice|contains allergens|allergen", "Allergene|allergien|allergie|allergisch|allergenhinweis|allergikerhinweis"),
    Field("energy", "text", "energy|calories|energy value|calorie|kcal|kilocalories|calorific value", "Energie|brennwert|kalorien|kalorien|kcal|brennwert kj"),
    Field("fat", "measure", "fat|total fat", "Fett|fettgehalt"),
    Field("sugar", "measure", "sugar|sugars|of which sugars", "Zucker|davon zucker|zuckergehalt"),
    Field("protein", "measure", "protein|proteins", "Eiweiß|protein"),
    Field("salt", "measure", "salt|sodium", "Salz"),
    Field("carbohydrates", "measure", "carbohydrate|carbohydrates|carbs", "Kohlenhydrate"),
    Field("voltage", "text", "voltage|input|rated voltage|power supply|supply voltage|input voltage", "Spannung|nennspannung|versorgungsspannung|eingangsspannung|eingang"),
    Field("power", "text", "power|wattage|rated power|power consumption", "Leistungsaufnahme|nennleistung|leistung elektrisch|stromverbrauch|leistung watt"),
    Field("current", "text", "current|rated current", "Stromstärke|nennstrom|strom"),
    Field("dosage", "text", "dosage|dose|directions|dosing", "Dosierung|dosis|anwendung|einnahme"),
    Field("material", "text", "material|fabric|composition", "Material|zusammensetzung|stoff"),
    Field("color_field", "text", "colour field|color/finish|finish", "Farbton|farbnummer"),
    Field("clothing_size", "text", "clothing size|size label", "Kleidergröße|konfektionsgrosse"),
    Field("flight", "identifier", "flight|flight number|flight no", "Flug|flugnummer|flug nr"),
    Field("train", "identifier", "train|train number|bus number|line number", "Zug|zugnummer|buslinie|linie|zug nr"),
    Field("gate", "text", "gate|gate number", "Gate|flugsteig|ausgang"),
    Field("platform", "text", "platform|track|platform number", "Gleis|bahnsteig"),
    Field("seat", "text", "seat|seat number|seat no", "Sitzplatz|platz|sitz|platznummer|sitzplatznummer"),
    Field("row", "text", "seat row|row number", "Sitzreihe|reihe"),
    Field("coach", "text", "coach|carriage|wagon|coach number", "Wagen|wagennummer|waggon"),
    Field("terminal", "text", "airport terminal", "Abflugterminal"),
    Field("travel_class", "text", "travel class|cabin class|class of travel", "Reiseklasse|beforderungsklasse"),
    Field("licence_plate", "text", "license plate|licence plate|registration plate|plate number|vehicle registration|number plate|plate|registration mark", "Kennzeichen|kfz kennzeichen|nummernschild|autokennzeichen|amtliches kennzeichen|fahrzeugkennzeichen"),
    Field("vin", "identifier", "VIN|vehicle identification number|chassis number", "Fahrgestellnummer|fin|fahrzeug identifizierungsnummer|fahrzeugidentnummer"),
    Field("mileage", "measure", "mileage|odometer", "Kilometerstand|km stand|laufleistung"),
    Field("currency", "text", "currency", "Währung"),
    Field("status", "text", "status|state of order|payment status|order status", "Status|zahlungsstatus|bestellstatus|zustand"),
    Field("priority", "text", "priority|urgency", "Priorität|dringlichkeit"),
    Field("version", "text", "version|revision|release|rev", "Version|revision|ausgabe"),
    Field("project", "text", "project|project name|project number|project title", "Projekt|projektname|projektnummer|bauvorhaben|projekt nr|bv"),
    Field("comment", "text", "comment|comments|remarks|notes|note|remark|special requests", "Bemerkung|anmerkung|hinweis|kommentar|bemerkungen|notiz|anmerkungen|notizen|sonderwunsche"),
    Field("reason", "text", "reason|purpose|cause", "Grund|anlass|zweck|ursache|begrundung"),
    Field("diagnosis", "text", "diagnosis", "Diagnose"),
    Field("insurance", "name", "insurance|insurance company|insurer|health insurance", "Versicherung|krankenkasse|versicherer|krankenversicherung|versicherungsgesellschaft"),
    Field("blood_type", "text", "blood type|blood group", "Blutgruppe"),
    Field("language_field", "text", "languages spoken|preferred language|mother tongue", "Sprachkenntnisse|muttersprache|bevorzugte sprache"),
    Field("shoe_size", "text", "shoe size", "Schuhgröße"),
    Field("warranty", "text", "warranty|guarantee|warranty period", "Garantie|gewahrleistung|garantiezeit"),
    Field("author", "name", "author|written by|writer", "Verfasser|autor|verfasserin", ("signatory",)),
    Field("signatory", "name", "signed by|signature|signatory|signed|yours sincerely", "Unterschrift|unterzeichner|unterzeichnet von|gezeichnet|gez|unterschrieben von"),
    Field("carrier", "name", "carrier|courier|shipping company|delivery company|shipped via|ship via|shipped by", "Paketdienst|versanddienst|versanddienstleister|spedition|zusteller|versandart|versand uber"),
    Field("contents", "text", "contents|parcel contents|package contents|content description|contains", "Inhalt|paketinhalt|inhalt der sendung|warenbeschreibung"),
    Field("recipient_city", "place", "delivery city|ship to city", "Lieferort|zustellort", ("city",)),
    Field("performer", "name", "artist|performer|band|featuring|starring", "Künstler|interpret|band|mitwirkende"),
)  # fmt: skip
BY_KEY: Final = {field.key: field for field in FIELDS}


class Span(NamedTuple):
    """A run of words that names one or more fields; `last` is included."""

    first: int
    last: int
    keys: frozenset[str]
    name: str


class _Index(NamedTuple):
    exact: dict[str, frozenset[str]]
    nearby: dict[str, frozenset[str]]
    """Names of at least seven letters with one letter left out."""
    longest: int


@cache
def _index() -> _Index:
    exact: dict[str, set[str]] = {}
    longest = 1
    for field in FIELDS:
        for name in (*field.english.split("|"), *field.german.split("|"), _said(field.key)):
            parts = [token.text for token in tokens(name)]
            longest = max(longest, len(parts))
            exact.setdefault(compact(parts), set()).add(field.key)
    nearby: dict[str, set[str]] = {}
    for name, keys in exact.items():
        for shorter in _shortened(name) if len(name) >= 7 else ():
            nearby.setdefault(shorter, set()).update(keys)
    return _Index(_frozen(exact), _frozen(nearby), longest)


def _said(key: str) -> str:
    return key.replace("_", " ")


def _frozen(names: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    return {name: frozenset(keys) for name, keys in names.items()}


def _shortened(name: str) -> set[str]:
    return {name[:place] + name[place + 1 :] for place in range(len(name))}


def keys_of(name: str) -> frozenset[str]:
    """The fields that a compact name stands for, forgiving one misread letter in long names."""
    index = _index()
    exact = index.exact.get(name)
    if exact is not None:
        return exact
    if len(name) < 7:
        return frozenset()
    found: set[str] = set(index.nearby.get(name, ()))
    for shorter in _shortened(name):
        found.update(index.exact.get(shorter, ()) if len(shorter) >= 7 else ())
        found.update(index.nearby.get(shorter, ()))
    return frozenset(key for key in found if _has_name_near(key, name))


def _has_name_near(key: str, name: str) -> bool:
    field = BY_KEY[key]
    names = (*field.english.split("|"), *field.german.split("|"))
    compacted = (compact(token.text for token in tokens(each)) for each in names)
    return any(
        distance_is_at_most_one(each, name)
        and {each[-2:], name[-2:]} != {"er", "ee"}
        and (each[:1] == name[:1] or len(each) == len(name))
        for each in compacted
    )


def spans(parts: tuple[Token, ...]) -> list[Span]:
    """The names of fields among the words, longest first at each place, none overlapping."""
    found: list[Span] = []
    place = 0
    while place < len(parts):
        span = _longest_from(parts, place)
        if span is None:
            place += 1
        else:
            found.append(span)
            place = span.last + 1
    return found


def _longest_from(parts: tuple[Token, ...], first: int) -> Span | None:
    most = min(len(parts), first + _index().longest)
    for end in range(most, first, -1):
        if parts[end - 1].text.isdigit():
            continue  # The value's first figure, not a misread end of the name.
        name = compact(token.text for token in parts[first:end])
        keys = keys_of(name) or keys_of(_singular(name))
        if keys:
            return Span(first, end - 1, keys, name)
    return None


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and len(name) > 4 else name


def display(key: str, *, german: bool) -> str:
    """How a field is called in an answer."""
    field = BY_KEY[key]
    return (field.german if german else field.english).partition("|")[0]
