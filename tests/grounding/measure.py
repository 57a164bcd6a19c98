"""Measuring the check of answers on the labelled pairs: what it finds of the sentences that do not hold, and how often it is right."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot import Passage
from plugins.grounding.check import OVERLAP, check

PAIRS = Path(__file__).with_name("pairs.yaml")


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence of an answer with its passages. ``wrong``: what is wrong with it; empty: it holds."""

    half: str
    language: str
    passages: tuple[Passage, ...]
    sentence: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Result:
    """``unsupported`` is what is looked for."""

    pairs: int
    found: int
    missed: tuple[Pair, ...]
    false: tuple[tuple[Pair, str], ...]
    seconds: float

    @property
    def precision(self) -> float:
        return self.found / (self.found + len(self.false))

    @property
    def recall(self) -> float:
        return self.found / (self.found + len(self.missed))


def pairs(half: str = "", path: Path = PAIRS) -> Iterator[Pair]:
    """The pairs of one half, or all."""
    for number, group in enumerate(yaml.safe_load(path.read_text("utf-8"))):
        if half and group["half"] != half:
            continue
        passages = tuple(
            Passage(
                id=f"{number}-{n}",
                article_id=str(number),
                title=p["title"],
                heading=p.get("heading", ""),
                text=p["text"],
                language=group["language"],
            )
            for n, p in enumerate(group["passages"], 1)
        )
        spoken = group.get("answer", group["language"])
        for sentence in group["holds"]:
            yield Pair(group["half"], spoken, passages, sentence, "")
        for wrong, sentence in group["fails"]:
            yield Pair(group["half"], spoken, passages, sentence, wrong)


def measure(chosen: Sequence[Pair], overlap: float = OVERLAP) -> Result:
    """Check each pair as the plugin checks an answer of one sentence."""
    found, missed, false = 0, [], []
    began = time.perf_counter()
    for pair in chosen:
        cited = [(n, passage.id) for n, passage in enumerate(pair.passages, 1)]
        failed = check(pair.sentence, pair.passages, cited=cited, language=pair.language, overlap=overlap).failed
        if pair.wrong:
            found += bool(failed)
            if not failed:
                missed.append(pair)
        elif failed:
            false.append((pair, failed[0].why))
    return Result(len(chosen), found, tuple(missed), tuple(false), time.perf_counter() - began)
