"""Texts that are hard to carry whole. None of them means anything in Markdown, and none begins or ends with a blank."""

from __future__ import annotations

from bot.channel import Limits
from bot.splitting import measure

HARD = (
    "Line one\nline two\n\nline four",
    "👩‍👩‍👧‍👦 👍🏽 🇭🇷 1️⃣ 😀 and ❤️ done",
    "مرحبا، أين طلبي رقم 1042؟",
    "שלום 123 abc שלום",
    "日本語のテキスト。𠮷野家 𝒳𝒴 🀄",
    "e\u0301 is not é, ﬁ is not fi, İ is not i, ẞ is not SS",
    "1 < 2 && 3 > 2, <b>bold</b> </p> &amp; &lt; \"quoted\" 'single'",
    "<script>alert(1)</script> {{ name }} ${name} %s %(x)s {0}",
    "C:\\temp\\new and snake_case_name and 5 * 3 * 2 and a ~ b",
    "https://shop.example/orders?id=7&lang=de#top",
    "write to me@shop.example, see #1042 and /start",
    "UPPER lower MiXeD",
    "a" + "\u200d" + "b and " + "\u00a0" + "a hard space",
    "tab\there",
)
"""Each arrives as it was written, on the way in and out."""

UNITS = {
    "letters": "a",
    "three bytes each": "日",
    "two units each": "😀",
    "signs of markup": "<&>",
    "joined emoji": "👩‍👩‍👧‍👦",
    "words": "word ",
}
"""What full messages are made of."""


def full(piece: str, limits: Limits) -> str:
    """As much of ``piece`` as one message may have, in the platform's own unit, filled up with dots to the last one."""
    text = piece * (limits.max_text // measure(piece, limits))
    return text.strip() + "." * (limits.max_text - measure(text.strip(), limits))


def long_answer(limits: Limits) -> str:
    """Three messages and a bit, with paragraphs, a code fence and wide characters."""
    paragraph = "Ein Absatz mit Wörtern, 日本語 und 😀 dazwischen. " * 4 + "\n\n"
    text = ""
    while measure(text, limits) < limits.max_text * 3.2:
        text += paragraph
    return text.strip()
