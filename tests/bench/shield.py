"""How long the personal data shield looks at 10 KB: of ordinary text, of text full of data, and of texts made to be hard for it.

Run alone: python -m tests.bench shield. One process, warm, with the usual kinds; the time is that of finding and replacing, as before each
request to a provider, of this thread alone: it only computes, and so a busy machine does not count. The median of 30 runs, and for the
hard texts the slowest text.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

from bot.personal_data import Detector
from tests.bench.report import Report

SIZE = 10_000
HARD = {
    "one letter": "a" * 10_000,
    "at signs": "a@" * 5_000,
    "labels": "a@" + "a." * 5_000,
    "digits": "2" * 10_000,
    "single digits": "4 " * 5_000,
    "groups": "4111 " * 2_000,
    "phones": "030 1234567 " * 900,
    "abroad": "+49 30 1234567, " * 650,
    "accounts": "DE89 " * 2_000,
    "tokens": "eyJaaaaaaaaa.aaaaaaaa-" * 450,
    "passwords": "password:   " * 830,
    "addresses": "://a:b" * 1_660,
    "private keys": "-----BEGIN PRIVATE KEY-----" * 370,
    "dates": "12.12.12 " * 1_100,
    "signs": "1-2/3.4 " * 1_250,
    "brackets": "a (at) " * 1_400,
    "everything": "4111 1111 1111 1111, anna@example.com, +49 171 1234567, DE89 3704 0044 0532 0130 00. " * 120,
}
"""Texts that make a careless search slow: what begins like something and never ends, and whatever has to be looked at."""
_WORDS = [
    "hello",
    "I",
    "ordered",
    "two",
    "chairs",
    "and",
    "a",
    "lamp",
    "on",
    "12.03.2026",
    "for",
    "1,299.00",
    "EUR",
    "and",
    "the",
    "parcel",
    "has",
    "not",
    "arrived",
    "yet.",
    "can",
    "you",
    "tell",
    "me",
    "where",
    "it",
    "is,",
    "what",
    "I",
    "have",
    "to",
    "do",
    "now",
    "and",
    "when",
    "I",
    "get",
    "my",
    "money",
    "back?",
    "the",
    "order",
    "is",
    "#10427",
    "of",
    "the",
    "account",
    "that",
    "I",
    "made",
    "last",
    "year,",
    "see",
    "https://shop.example/orders.",
    "thank",
    "you",
    "very",
    "much",
    "for",
    "your",
    "help",
    "and",
    "have",
    "a",
    "nice",
    "day.",
]


def ordinary() -> str:
    """What customers write: words, prices, dates, an order's number."""
    chance = random.Random(1)
    return " ".join(chance.choice(_WORDS) for _ in range(SIZE))[:SIZE]


def seconds(text: str, runs: int) -> float:
    """The median of so many runs."""
    detector = Detector()
    detector.mask(text)
    taken = []
    for _ in range(runs):
        begun = time.thread_time()
        detector.mask(text)
        taken.append(time.thread_time() - begun)
    return statistics.median(taken)


def shield(report: Report, program: Path, room: Path) -> None:
    """Ordinary text within 5 ms, every other within 40."""
    usual = seconds(ordinary(), 30) * 1000
    report.add(
        "shield: 10 KB of ordinary text", f"{usual:.1f} ms", "≤ 5 ms", usual <= 5, "processor time, median of 30"
    )
    worst = max((seconds(text[:SIZE], 9) * 1000, name) for name, text in HARD.items())
    report.add(
        "shield: 10 KB at worst",
        f"{worst[0]:.1f} ms",
        "≤ 40 ms",
        worst[0] <= 40,
        f"{worst[1]}, of {len(HARD)} hard texts",
    )
