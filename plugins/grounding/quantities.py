"""Words of four languages that make a number what it is: numerals, units, currencies, months, days, limits."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(text: str) -> dict[str, float]:
    return {
        word: float(number) for number, *words in (line.split() for line in text.strip().splitlines()) for word in words
    }


NUMBERS = _table(
    """
    0 zero null
    2 two zwei deux dos
    3 three drei trois tres
    4 four vier quatre cuatro
    5 five fünf cinq cinco
    6 six sechs seis
    7 seven sieben sept siete
    8 eight acht huit ocho
    9 nine neun neuf nueve
    10 ten zehn dix diez
    11 eleven elf onze once
    12 twelve zwölf douze doce dozen dutzend
    13 thirteen dreizehn treize trece
    14 fourteen vierzehn quatorze catorce
    15 fifteen fünfzehn quinze quince
    16 sixteen sechzehn seize dieciséis
    17 seventeen siebzehn dix-sept diecisiete
    18 eighteen achtzehn dix-huit dieciocho
    19 nineteen neunzehn dix-neuf diecinueve
    20 twenty zwanzig vingt veinte
    21 twenty-one einundzwanzig
    24 twenty-four vierundzwanzig vingt-quatre veinticuatro
    25 twenty-five fünfundzwanzig vingt-cinq veinticinco
    28 twenty-eight achtundzwanzig vingt-huit veintiocho
    30 thirty dreißig dreissig trente treinta
    40 forty vierzig quarante cuarenta
    45 forty-five fünfundvierzig quarante-cinq
    48 forty-eight achtundvierzig quarante-huit
    50 fifty fünfzig cinquante cincuenta
    60 sixty sechzig soixante sesenta
    70 seventy siebzig setenta
    80 eighty achtzig quatre-vingts ochenta
    90 ninety neunzig quatre-vingt-dix noventa
    100 hundred hundert einhundert cent cien
    1000 thousand tausend eintausend mille mil
    1.5 anderthalb eineinhalb
    """
)
"""Numbers in words. "One" is not there: it is an article in most languages (see :data:`ONE`)."""
ONE = _words("one ein eine einen einem einer eines un une una uno a an")
SURE_ONE = frozenset({"one"})
"""Of these the ones that are never an article."""
HALF = _words("half halbe halben halber halbes demi demie media medio")

_UNITS = """
hours 0.0002777777777777778 s sec second seconds sekunde sekunden seconde secondes segundo segundos
hours 0.016666666666666666 min mins minute minutes minuten minuto minutos
hours 1 hour hours hr hrs stunde stunden heure heures hora horas std
hours 24 day days tag tage tagen tages werktag werktage werktagen arbeitstag arbeitstage arbeitstagen kalendertage
hours 24 jour jours día días dia dias
hours 168 week weeks woche wochen semaine semaines semana semanas
hours 336 fortnight
hours 24 night nights nacht nächte nächten nuit nuits noche noches
months 1 month months monat monate monaten mois mes meses
months 12 year years yr yrs jahr jahre jahren an ans année années anio año años
metres 0.001 mm millimetre millimetres millimeter
metres 0.01 cm centimetre centimetres centimeter zentimeter
metres 1 m metre metres meter metern mètre mètres metro metros
metres 1000 km kilometre kilometres kilometer kilometers kilometern kilomètre kilomètres kilómetro kilómetros
metres 1609.344 mile miles
metres 0.0254 inch inches zoll
grams 1 g gram grams gramm gramme grammes gramo gramos
grams 1000 kg kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo kilogramos
grams 1000000 tonne tonnes tonnen tonelada toneladas
grams 453.59237 lb lbs
litres 0.001 ml millilitre millilitres milliliter
litres 1 l litre litres liter litro litros
bytes 0.001 kb kilobyte kilobytes
bytes 1 mb megabyte megabytes mo
bytes 1000 gb gigabyte gigabytes go
bytes 1000000 tb terabyte terabytes to
watts 1 w watt watts
watts 1000 kw kilowatt
energy 1 kwh kilowattstunde kilowattstunden
volts 1 v volt volts
turns 1 rpm u/min
degrees 1 °c celsius
fahrenheit 1 °f fahrenheit
percent 1 % percent prozent pour-cent por-ciento pc
eur 1 € eur euro euros
usd 1 $ usd dollar dollars dólar dólares
gbp 1 £ gbp pound pounds pfund livres libras
chf 1 chf franken francs
jpy 1 ¥ jpy yen
pln 1 pln zł zloty
sek 1 sek
nok 1 nok
dkk 1 dkk
cent 1 cent cents ct centimes céntimos
"""
UNITS: dict[str, tuple[str, float]] = {
    word: (kind, float(size))
    for kind, size, *words in (line.split() for line in _UNITS.strip().splitlines())
    for word in words
}
"""A unit's word in lower case: the dimension, and how much of its base one is."""
AMBIGUOUS = _words("an to go m l s g v w mo min pc a")
CAPITAL = _words("to go mo")
"""Units that are words as well: only right behind digits, and those of the second line only with a capital (French: 100 Go)."""
MONEY = _words("eur usd gbp chf jpy pln sek nok dkk cent")
BETWEEN = _words(
    """
    working business calendar full whole more further consecutive additional volle vollen ganze ganzen weitere
    weiteren
    """
)
"""Words that may stand between a number and its unit."""


def _calendar(text: str) -> dict[str, int]:
    return {word: number for number, line in enumerate(text.strip().splitlines()) for word in line.split()}


MONTHS = {
    word: number + 1
    for word, number in _calendar(
        """
        january jan januar jänner janvier enero ene
        february feb februar février fevrier febrero
        march mar märz maerz mars marzo
        april apr avril avr abril abr
        may mai mayo
        june jun juni juin junio
        july jul juli juillet julio
        august aug août aout agosto ago
        september sep sept septembre septiembre setiembre
        october oct oktober okt octobre octubre
        november nov novembre noviembre
        december dec dezember dez décembre diciembre dic
        """
    ).items()
}
DAYS = _calendar(
    """
    monday mondays mon montag montags mo lundi lundis lun lunes
    tuesday tuesdays tue tues dienstag dienstags di mardi mardis mar martes
    wednesday wednesdays wed mittwoch mittwochs mi mercredi mercredis mer miércoles
    thursday thursdays thu thurs donnerstag donnerstags do jeudi jeudis jeu jueves
    friday fridays fri freitag freitags fr vendredi vendredis ven viernes
    saturday saturdays sat samstag samstags sonnabend sa samedi samedis sam sábado sábados
    sunday sundays sun sonntag sonntags so dimanche dimanches dim domingo domingos
    """
)
SHORT_DAYS = _words("mon tue wed thu fri sat sun mo di mi do fr sa so lun mar mer jeu ven sam dim tues thurs")
"""Day names that are words as well, or months: they count only in front of, or behind, a dash or another day."""
NOT_MONTHS = _words("may mar mars mai")
"""Months that are words as well: they count only beside a number."""

LOW = _words(
    """
    least minimum min over above exceeding from mindestens ab über mehr moins-que plus dès partir más mínimo mínimum
    desde sobre
    """
)
HIGH = _words(
    """
    most maximum max up below under less fewer until within höchstens maximal bis unter weniger innerhalb jusqu'à
    jusqu maximal menos moins máximo hasta
    """
)
"""Words in front of a number that make it a lower or an upper limit."""
