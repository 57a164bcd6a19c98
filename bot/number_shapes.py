"""Numbers that belong to a person, told from other numbers by their checksums: cards, bank accounts, phones, identities. No I/O."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise

Span = tuple[int, int]

_SEP = r"[ \t\u00a0\u2009\u202f.\-\u2010-\u2015/()·]"
# Digits with at most three signs between them. Digits of all scripts count, as people's keyboards write them.
_RUN = re.compile(rf"(?:[+＋]\(?|\()?\d(?:{_SEP}{{0,3}}+\d){{6,}}+")
_GROUP = re.compile(r"\d+")
_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d\d)(?!\d)"
)
CARD_LENGTHS = (19, 18, 17, 16, 15, 14, 13)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_IBAN = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=IBAN)|(?<=iban))[A-Za-z]{2}\d{2}(?=[ \u00a0.\-]?[A-Za-z0-9])")
# Length by country, from the SWIFT registry; countries that only use the form are in the last line.
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (
        line.split(":")
        for line in (
            "15:NO", "16:BE BI", "18:DK FO FI GL NL SD FK", "19:MK SI", "20:AT BA EE KZ XK LT LU MN",
            "21:HR LV LI CH", "22:BH BG CR GE DE IE ME RS GB VA", "23:GI IL IQ TL AE OM SO",
            "24:AD CZ MD PK RO SA SK ES SE TN VG", "25:LY PT ST", "26:IS TR",
            "27:BF CM FR GR IT MC MR SM DJ BJ CI ML SN GA CG CF TD GQ KM TG GW", "28:AL AZ BY CY DO SV GT HU LB PL NI HN",
            "29:BR EG PS QA UA", "30:JO KW MU YE", "31:MT SC", "32:LC", "33:RU", "26:DZ MG", "25:AO CV MZ", "28:NE",
            "24:IR",
        )
    )
    for country in countries.split()
}  # fmt: skip
_LETTERS = {chr(ord("A") + n): str(10 + n) for n in range(26)} | {str(n): str(n) for n in range(10)}

_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_WORD = re.compile(r"[^\W\d]|-")
MAX_PARSED = 250
MAX_LOOKED = 600
"""Numbers of one text that are looked at, and times the library is asked about them. About 16 µs each."""
_PHONE_WORDS = re.compile(
    r"(?i)(?:phone|tel|call|mobile|cell|whats ?app|handy|ruf|nummer erreich|sms|numéro|teléfono|móvil|cellulare|fax)[^\d]{0,24}$"
)


def cards(text: str) -> Iterator[Span]:
    """Payment cards: 13 to 19 digits with or without blanks and dashes, with Luhn's check digit."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() >= 13:
            yield from _cards_in(text, *run.span())


def _cards_in(text: str, start: int, end: int) -> Iterator[Span]:
    groups = [match.span() for match in _GROUP.finditer(text, start, end)]
    digits = [int(char) for begin, stop in groups for char in text[begin:stop]]
    count = len(digits)
    if count < 13:
        return
    # Sums up to each digit, with every second one doubled, for both ways to begin: a window's checksum is then one subtraction.
    # (A library's check of each window would make a text of single digits a hundred times as expensive.)
    doubled = [_DOUBLED[digit] for digit in digits]
    sums = (
        [0, *accumulate(doubled[n] if n % 2 == 0 else digit for n, digit in enumerate(digits))],
        [0, *accumulate(digit if n % 2 == 0 else doubled[n] for n, digit in enumerate(digits))],
    )
    edges = [0, *accumulate(stop - begin for begin, stop in groups)]

    def place(number: int) -> int:
        group = bisect_right(edges, number) - 1
        return groups[group][0] + number - edges[group]

    known = frozenset(edges)
    # From one edge of a group to another; and, in a row without gaps, from or up to one: a date may stand right beside it.
    inside: dict[int, list[int]] = {}
    for begin, stop in pairwise(edges):
        if stop - begin > CARD_LENGTHS[-1]:
            inside.setdefault(begin, []).extend(begin + size for size in CARD_LENGTHS if begin + size < stop)
            for size in CARD_LENGTHS:
                if stop - size > begin:
                    inside.setdefault(stop - size, []).append(stop)
    last = 0
    for begin in sorted({*edges, *inside}):
        if begin < last or begin + CARD_LENGTHS[-1] > count or digits[begin] < 2:
            continue
        stops = [begin + size for size in CARD_LENGTHS if begin + size in known] if begin in known else []
        for stop in (*stops, *inside.get(begin, ())):
            counted = sums[stop % 2]  # the last digit, at stop - 1, is not doubled
            if (counted[stop] - counted[begin]) % 10 == 0:
                yield place(begin), place(stop - 1) + 1
                last = stop
                break


def ibans(text: str) -> Iterator[Span]:
    """Bank accounts: a country, two check digits, and as much as that country's accounts have, in groups or not."""
    for head in _IBAN.finditer(text):
        country = head.group()[:2].upper()
        length = _IBAN_LENGTHS.get(country)
        if length is None:
            continue
        rest = _iban_rest(length - 4).match(text, head.end())
        if rest and _checks(rest.group() + head.group()):
            yield head.start(), rest.end()


@cache
def _iban_rest(length: int) -> re.Pattern[str]:
    return re.compile(rf"(?:[ \u00a0\u202f.\-]?+[A-Za-z0-9]){{{length}}}")


def _checks(account: str) -> bool:
    return int("".join(_LETTERS.get(char, "") for char in account.upper())) % 97 == 1


def phones(text: str, regions: Sequence[str]) -> Iterator[Span]:
    """Phone numbers: with a country code, or valid in one of ``regions`` and written like one."""
    asked = _Asked(text, regions)
    for run in _RUN.finditer(text):
        start, end = run.span()
        if _WORD.match(text[start - 1 : start]) or _WORD.match(text[end : end + 1]):
            continue  # part of an id
        if _HOST.fullmatch(text, start, end):
            continue
        if asked.tired:
            yield start, end
            continue
        for date in _DATE.finditer(text, start, end):
            yield from _phones_in(text, start, date.start(), asked)
            start = date.end()
        yield from _phones_in(text, start, end, asked)


def _phones_in(text: str, start: int, end: int, asked: _Asked) -> Iterator[Span]:
    groups = [match.span() for match in _GROUP.finditer(text, start, end)]
    first = 0
    while first < len(groups):
        begin = groups[first][0]
        while begin > start and text[begin - 1] in "+＋(":
            begin -= 1
        if asked.tired:
            yield begin, groups[-1][1]
            return
        stop = _longest(groups, first, begin, asked)
        if stop is None:
            first += 1
        else:
            yield begin, groups[stop][1]
            first = stop + 1


def _longest(groups: Sequence[Span], first: int, begin: int, asked: _Asked) -> int | None:
    """The last group of the longest phone number that begins with group ``first``."""
    size, ends = 0, []
    for stop in range(first, len(groups)):
        size += groups[stop][1] - groups[stop][0]
        if size > 15:
            break
        if size >= 7:
            ends.append(stop)
    return next((stop for stop in reversed(ends) if asked.is_phone(begin, groups[stop][1])), None)


class _Asked:
    """Asks the library, only so often for one text."""

    def __init__(self, text: str, regions: Sequence[str]) -> None:
        self.text = text
        self.regions = regions
        self.looked = 0
        self.parsed = 0

    @property
    def tired(self) -> bool:
        """Somebody wrote hundreds of such numbers: the rest counts as phone numbers without being asked about."""
        return self.parsed >= MAX_PARSED or self.looked >= MAX_LOOKED

    def is_phone(self, start: int, end: int) -> bool:
        self.looked += 1
        written = self.text[start:end]
        digits = "".join(str(int(char)) for char in written if char.isdecimal())
        if digits.startswith("00") or "+" in written[:3] or "＋" in written[:3]:
            return self._parse(f"+{digits.removeprefix('00')}", None, valid=False)
        grouped = len(written) > len(digits) or digits[0] == "0"
        if not grouped and not _PHONE_WORDS.search(self.text[max(0, start - 40) : start]):
            return False  # a bare row of digits is an order's number as likely as a phone
        return any(self._parse(digits, region, valid=True) for region in self.regions)

    def _parse(self, digits: str, region: str | None, *, valid: bool) -> bool:
        import phonenumbers

        self.parsed += 1
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            return False
        return phonenumbers.is_valid_number(number) if valid else phonenumbers.is_possible_number(number)


_TAX_ID = re.compile(r"(?<!\d)\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}(?!\d)")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")


def national_ids(text: str) -> Iterator[Span]:
    """German tax ids and US social security numbers."""
    from stdnum.de import idnr
    from stdnum.us import ssn

    for pattern, check in ((_TAX_ID, idnr.is_valid), (_SSN, ssn.is_valid)):
        yield from (match.span() for match in pattern.finditer(text) if check(match.group()))
