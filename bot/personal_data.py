"""Finding personal data and secrets in a text: addresses, numbers, keys, and what an admin names. No I/O.

Every search is linear in the length of the text, whatever somebody writes to make it slow: starts are told apart by what
stands before them, repeats are possessive, and checksums look at windows of bounded length. A text is rather masked too
much than too little.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from bot.hidden import visible
from bot.number_shapes import cards, ibans, national_ids, phones

EMAIL, PHONE, CARD, IBAN, KEY, IP, ID = "EMAIL", "PHONE", "CARD", "IBAN", "KEY", "IP", "ID"
KNOWN, KNOWN_LENGTH = 1_000, 4_000
"""Texts of at most so many characters of which is remembered where something stands; they leave with the process."""
USUAL = (EMAIL, PHONE, CARD, IBAN, KEY)
EXTRA = (IP, ID)
WORDS = {
    EMAIL: "(e-mail address)",
    PHONE: "(phone number)",
    CARD: "(card number)",
    IBAN: "(bank account)",
    KEY: "(secret)",
    IP: "(IP address)",
    ID: "(identity number)",
}
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT")
"""Where phone numbers without a country code are looked for."""
_ORDER = {kind: place for place, kind in enumerate((KEY, IBAN, CARD, EMAIL, PHONE, ID, IP))}


PATTERN_SECONDS = 0.5
"""For all of an admin's own patterns in one text, of this thread's time."""


class PatternsTooSlow(Exception):
    """An admin's own patterns take too long. Nothing of the text is known to be clean."""


class Finding(NamedTuple):
    """One piece of personal data: ``text[start:end]``, of a kind."""

    kind: str
    start: int
    end: int


_LOCAL = r"[\w.．!#$%&'*+~-]"  # and not / = ? which are allowed, but stand before an address in a link far more often
# The start is where no such character stands before it, so that a long word is read once and not from each of its letters. The labels
# may be given back (a full stop ends the sentence), and are only ten.
_MAIL = re.compile(rf"(?<!{_LOCAL}){_LOCAL}{{1,254}}+(?<!%40)(?:@|＠)(?:[\w-]{{1,63}}+[.．]){{1,10}}[\w-]{{2,63}}")
_QUOTES = re.compile(r"[.!#$%&'*~-]+(?!@|＠)")
_MAIL_CODED = re.compile(r"(?<![\w.+-])[\w.+-]{1,254}+%40(?:[\w-]{1,63}+\.){1,10}[\w-]{2,63}")
_MAIL_IN_WORDS = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}+ ?[(\[{] ?(?:at|ät) ?[)\]}] ?[\w-]{1,63}+"
    r"(?: ?(?:\.|[(\[{] ?(?:dot|punkt) ?[)\]}]) ?[\w-]{2,63}+){1,4}",
    re.IGNORECASE,
)

SECRETS = re.compile(
    r"""(?x)
      \b(?:sk|pk|rk)[-_](?:live_|test_)?[A-Za-z0-9_-]{12,}+   # OpenAI, Anthropic, Stripe and those who copied them
    | \bxox[a-z]-[A-Za-z0-9-]{8,}+ | \bxapp-[A-Za-z0-9-]{8,}+ # Slack
    | \b\d{6,12}+:[A-Za-z0-9_-]{30,}+                         # Telegram
    | (?<![A-Za-z0-9_-])[MNO][A-Za-z0-9_-]{22,28}+\.[A-Za-z0-9_-]{6}+\.[A-Za-z0-9_-]{27,}+   # Discord
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+           # JSON web tokens
    | \bAIza[A-Za-z0-9_-]{30,}+ | \bgh[pousr]_[A-Za-z0-9]{20,}+ | \bgithub_pat_\w{20,}+ | \bAKIA[A-Z0-9]{16}
    | \bglpat-[A-Za-z0-9_-]{16,}+ | \bnpm_[A-Za-z0-9]{30,}+ | \bhf_[A-Za-z0-9]{20,}+
    | (?i:(?<=bearer\s)[A-Za-z0-9._~+/-]{12,}+=*+)
    """
)
_LOGIN = re.compile(r"(?<=://)[^/\s:@]{0,200}+:[^/\s@]{1,200}+(?=@)")  # user:password@ in an address
# Most texts hold none of these: looking for them first makes ordinary texts five times as fast.
_SECRET_SIGNS = re.compile(
    r"(?i)[spr]k[-_]|xox|xapp-|\d{6}:[\w-]{30}|\.[\w-]{6}\.[\w-]{27}|eyJ|AIza|gh[pousr]_|github_|AKIA|glpat|npm_|hf_|bearer"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_PRIVATE_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
# A long word of letters and digits: session ids, API keys of makers nobody has heard of.
_LONG = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z0-9_]{32,}+")
_TOLD = re.compile(
    r"(?i)(?:pass ?word|passwd|passwort|kennwort|mot de passe|contraseña|secret|api[ _-]?key|token|cv[vc]2?)"
    r"[\"']?[ \t]{0,5}[:=][ \t]{0,5}[\"']?([^\s\"',;]{3,200}+)"
)
_IP4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]\d)")
_IP6 = re.compile(r"(?<![0-9A-Fa-f:.])[0-9A-Fa-f:]{2,39}+(?:(?:\d{1,3}\.){3}\d{1,3})?(?![0-9A-Fa-f:])")
_JOINERS = re.compile("(?<=[!-~])[\u00ad\u034f\u180b-\u180d\u200c\u200d\ufe00-\ufe0f]+(?=[!-~])")


def plain(text: str) -> str:
    """``text`` without what nobody sees, so that a number with an invisible character in it is still one number."""
    if text.isascii() and text.isprintable():
        return text
    return _JOINERS.sub("", visible(text))


class Detector:
    """Finds what it was made for. Made once per settings and used by many threads."""

    def __init__(
        self,
        kinds: Collection[str] = USUAL,
        *,
        regions: Sequence[str] = REGIONS,
        patterns: Mapping[str, re.Pattern[str]] | None = None,
    ) -> None:
        """``patterns``: kinds of the admin's own, see ``bot.own_patterns``."""
        self.kinds = frozenset(kinds)
        self._regions = tuple(regions)
        self._patterns = dict(patterns or {})
        # A conversation's earlier messages come again with every turn.
        self._known = lru_cache(maxsize=KNOWN)(self._find)

    def warm(self) -> None:
        """Load what is only needed for some texts, so that none of them waits for it."""
        self.find("phone 0123 456, 86 095 742 719")  # a number of no country: all of them are asked

    def find(self, text: str) -> list[Finding]:
        """What is in ``text``, in order and without overlaps. Give it a text that :func:`plain` has cleaned."""
        return list(self._known(text) if len(text) <= KNOWN_LENGTH else self._find(text))

    def _find(self, text: str) -> Sequence[Finding]:
        found = [*self._found(text)]
        if len(found) < 2:
            return found
        found.sort(key=lambda one: (one.start, -one.end))
        whole = [found[0]]
        for one in found[1:]:
            last = whole[-1]
            if one.start >= last.end:
                whole.append(one)
                continue
            # Two that overlap are one, of the kind that is surer: nothing of either may stay.
            kind = min(last.kind, one.kind, key=lambda kind: _ORDER.get(kind, -1))
            whole[-1] = Finding(kind, last.start, max(last.end, one.end))
        return whole

    def mask(self, text: str) -> str:
        """``text`` with plain words in place of what was found. It cannot be put back."""
        text = plain(text)
        out: list[str] = []
        at = 0
        for one in self.find(text):
            out += (text[at : one.start], words_for(one.kind))
            at = one.end
        return "".join((*out, text[at:])) if out else text

    def _found(self, text: str) -> Iterator[Finding]:
        if self._patterns:
            yield from self._own(text)
        if KEY in self.kinds:
            yield from (Finding(KEY, *span) for span in secrets(text))
        if EMAIL in self.kinds:
            yield from (Finding(EMAIL, *span) for span in addresses(text))
        digits = any(map(str.isdigit, text)) if not text.isascii() else _DIGIT.search(text) is not None
        if IBAN in self.kinds and digits:
            yield from (Finding(IBAN, *span) for span in ibans(text))
        if CARD in self.kinds and digits:
            yield from (Finding(CARD, *span) for span in cards(text))
        if PHONE in self.kinds and digits:
            yield from (Finding(PHONE, *span) for span in phones(text, self._regions))
        if ID in self.kinds and digits:
            yield from (Finding(ID, *span) for span in national_ids(text))
        if IP in self.kinds:
            yield from (Finding(IP, *span) for span in _hosts(text))

    def _own(self, text: str) -> Iterator[Finding]:
        begun = time.thread_time()
        for kind, pattern in self._patterns.items():
            yield from (Finding(kind, *match.span()) for match in pattern.finditer(text))
            if time.thread_time() > begun + PATTERN_SECONDS:
                raise PatternsTooSlow(f"the patterns up to {kind} took longer than {PATTERN_SECONDS} s for one text")


_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9a-fA-F])")
_MANY_DIGITS = re.compile(r"(?:\d[ .\-\u00a0]{0,2}){13}")
_ABROAD = re.compile(r"(?<![\w+])\+\d(?:[ .\-/()]{0,3}+\d){7,13}+(?!\w)")


_in_logs: dict[str, re.Pattern[str]] = {}
LOGGED = 20_000
"""Characters of a line in which an admin's own patterns are looked for; the rest of a longer one is left to the usual kinds."""


def mask_in_logs(patterns: Mapping[str, re.Pattern[str]]) -> None:
    """From now on the logs of this process hold nothing that these patterns find, either."""
    global _in_logs
    _in_logs = dict(patterns)


def mask_line(text: str, redacted: str) -> str:
    """A line of a log without personal data. Narrower than a :class:`Detector`: ids and numbers of our own must stay readable."""
    spans = [
        Finding(kind, *match.span()) for kind, pattern in _in_logs.items() for match in pattern.finditer(text[:LOGGED])
    ]
    spans += [Finding(KEY, *span) for span in _known_secrets(text)]
    if "@" in text or "＠" in text or "%40" in text:
        spans += [Finding(EMAIL, *span) for span in addresses(text)]
    if "+" in text:
        spans += [Finding(PHONE, *match.span()) for match in _ABROAD.finditer(text)]
    spans += [Finding(IBAN, *span) for span in ibans(text)]
    if _MANY_DIGITS.search(text):
        ids = [match.span() for match in _UUID.finditer(text)]
        spans += [
            Finding(CARD, start, end)
            for start, end in cards(text)
            if not any(begin < end and start < stop for begin, stop in ids)
        ]
    out: list[str] = []
    at = 0
    for one in sorted(spans, key=lambda one: one.start):
        if one.end > at:
            out += (text[at : max(one.start, at)], redacted if one.kind == KEY else words_for(one.kind))
            at = one.end
    return "".join((*out, text[at:])) if out else text


_DIGIT = re.compile(r"\d")


def words_for(kind: str) -> str:
    """What stands where something of this kind was, when it cannot be put back."""
    return WORDS.get(kind) or f"({kind.replace('_', ' ').lower()})"


def secrets(text: str) -> Iterator[tuple[int, int]]:
    """Keys, tokens, private keys, passwords that are told as such."""
    yield from _known_secrets(text)
    for match in _LONG.finditer(text):
        word = match.group()
        if not word.isdigit() and not word.isalpha() and any(map(str.isdigit, word)) and any(map(str.isalpha, word)):
            yield match.span()
    yield from (match.span(1) for match in _TOLD.finditer(text))


def _known_secrets(text: str) -> Iterator[tuple[int, int]]:
    """What has the shape of a key that somebody makes, wherever it stands."""
    if _SECRET_SIGNS.search(text):
        yield from (match.span() for match in SECRETS.finditer(text))
    if "://" in text and "@" in text:
        yield from (match.span() for match in _LOGIN.finditer(text))
    if "-----BEGIN" in text:
        yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while begin := _PRIVATE_KEY.search(text, at):
        end = _PRIVATE_END.search(text, begin.end())
        at = end.end() if end else len(text)  # one that was cut off is a key all the same
        yield begin.start(), at


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """E-mail addresses, also those written as in an address bar or with (at)."""
    if "@" in text or "＠" in text:
        for match in _MAIL.finditer(text):
            quoted = _QUOTES.match(text, match.start())  # it may be quoted, or bold
            yield quoted.end() if quoted else match.start(), match.end()
    if "%40" in text:
        yield from (match.span() for match in _MAIL_CODED.finditer(text))
    if "(" in text or "[" in text or "{" in text:
        yield from (match.span() for match in _MAIL_IN_WORDS.finditer(text))


def _hosts(text: str) -> Iterator[tuple[int, int]]:
    from ipaddress import ip_address

    for pattern in (_IP4, _IP6):
        for match in pattern.finditer(text):
            try:
                ip_address(match.group())
            except ValueError:
                continue
            if _DIGIT.search(match.group()) is None:
                continue  # two colons between names of a program
            yield match.span()
