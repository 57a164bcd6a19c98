"""Two public sets of questions, searched: BANKING77 (which article?) and CLINC150 (is there an answer at all?).

Run: python -m tests.bench.questions [--data FOLDER]. The folder holds ``banking77`` (train.csv, test.csv) and ``clinc150``
(data_full.json); it is a setting (DESKHAND_BENCH_DATA), and nothing of it is part of this project. Every training question of an intent becomes a
passage of one article without a title that says anything; the test questions are asked. Beside our search stand rank-bm25 and SQLite's FTS5 as
they come.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bench.report import Report

ABSENT = -1
"""The article of a question that none answers."""
WRONGLY = 0.10
"""Share of answerable questions that may be refused, when refusing is compared."""
Asked = Sequence[tuple[str, int]]
"""Questions, each with the number of the article that answers it."""


class NoData(Exception):
    """The folder of public questions is not there; says what to do."""


@dataclass(frozen=True, slots=True)
class Questions:
    """One set: articles as lists of questions, and what is asked."""

    name: str
    articles: list[list[str]]
    asked: list[tuple[str, int]]

    @property
    def size(self) -> str:
        absent = sum(article == ABSENT for _, article in self.asked)
        return (
            f"{self.name}: {len(self.articles)} articles of {sum(map(len, self.articles)):,} questions;"
            f" {len(self.asked) - absent:,} asked" + (f" and {absent:,} out of scope" if absent else "")
        )


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one way of searching gave, a line of the table."""

    how: str
    first: float
    three: float
    refused: float | None = None
    """Share of out-of-scope questions with less certainty than the least certain tenth of the answerable ones."""

    def __str__(self) -> str:
        refused = "" if self.refused is None else f"  out of scope refused at 10 % wrongly refused {self.refused:6.1%}"
        return f"  {self.how:48} first {self.first:6.1%}  first three {self.three:6.1%}{refused}"


def data_folder(given: str = "") -> Path:
    """The folder of the public sets. Raises :class:`NoData`."""
    named = given or os.environ.get("DESKHAND_BENCH_DATA", "")
    if not named:
        raise NoData(
            "the public questions are not here: set DESKHAND_BENCH_DATA to a folder with banking77 and clinc150"
        )
    folder = Path(named)
    for part in ("banking77/train.csv", "banking77/test.csv", "clinc150/data_full.json"):
        if not (folder / part).is_file():
            raise NoData(f"the public questions are not here: {folder} has no {part}")
    return folder


def banking77(folder: Path) -> Questions:
    """Articles of the training part, and the test part."""
    train, test = (_table(folder / "banking77" / name) for name in ("train.csv", "test.csv"))
    return _made("BANKING77", train, test)


def clinc150(folder: Path, part: str = "test") -> Questions:
    """Articles of the training part without anything out of scope; asked is ``test`` or ``val``."""
    data = json.loads((folder / "clinc150" / "data_full.json").read_text("utf-8"))
    asked = [(text, intent) for text, intent in data[part]]
    return _made(f"CLINC150 ({part})", data["train"], asked + [(text, "") for text, _ in data[f"oos_{part}"]])


def _table(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def _made(name: str, train: Asked | Any, asked: Any) -> Questions:
    intents = sorted({intent for _, intent in train})
    numbers = {intent: number for number, intent in enumerate(intents)}
    articles: list[list[str]] = [[] for _ in intents]
    for text, intent in train:
        articles[numbers[intent]].append(text)
    return Questions(name, articles, [(text, numbers.get(intent, ABSENT)) for text, intent in asked])


@contextmanager
def shelf(articles: Sequence[Sequence[str]]) -> Iterator[tuple[Any, dict[str, int]]]:
    """An index of these articles in a folder of its own, and their numbers by id."""
    from bot import ArticleText, Piece, save_articles, store
    from plugins.knowledge.index import Index

    with tempfile.TemporaryDirectory(prefix="deskhand-bench-") as name:
        store.open_database(f"sqlite:///{Path(name) / 'bench.sqlite3'}")
        store.migrate()
        try:
            numbers: dict[str, int] = {}
            texts = [
                ArticleText(
                    source="bench:questions", path=f"{number:04}", title=f"{number}", body="", language="en",
                    pieces=tuple(Piece(text=text) for text in questions),
                )
                for number, questions in enumerate(articles)
            ]  # fmt: skip
            for start in range(0, len(texts), 20):
                some = save_articles(texts[start : start + 20])
                numbers.update(zip(some, range(start, start + len(some)), strict=True))
            index = Index(Path(name) / "index")
            index.refresh()
            yield index, numbers
        finally:
            store.close_database()


def ours(questions: Questions) -> tuple[Ranking, list[tuple[int, list[int], float, bool]], list[float]]:
    """Search with the product: the line, each question's result (article, found, certainty, answerable) and milliseconds of processor."""
    from bot import Question
    from plugins.knowledge.search import search

    results, took = [], []
    with shelf(questions.articles) as (index, numbers):
        for text, article in questions.asked:
            began = time.thread_time()
            found = search(index, Question(site="", text=text, language="en"))
            took.append((time.thread_time() - began) * 1_000)
            order = list(dict.fromkeys(numbers[passage.article_id] for passage in found.passages))
            results.append((article, order, found.certainty, found.answerable))
    line = _ranking("ours", [(article, order, sure) for article, order, sure, _ in results])
    return line, results, sorted(took)


def rank_bm25(questions: Questions) -> Iterator[Ranking]:
    """The library rank-bm25 (Okapi, its own settings), on words in lower case."""
    from rank_bm25 import BM25Okapi

    whole = BM25Okapi([_plain(" ".join(article)) for article in questions.articles])
    yield _ranked("rank-bm25 over articles", questions, lambda text: list(enumerate(whole.get_scores(_plain(text)))))
    of = [number for number, article in enumerate(questions.articles) for _ in article]
    each = BM25Okapi([_plain(text) for article in questions.articles for text in article])

    def nearest(text: str) -> list[tuple[int, float]]:
        scores = each.get_scores(_plain(text))
        return [(of[at], float(scores[at])) for at in scores.argsort()[::-1][:20]]

    yield _ranked("rank-bm25, sum of the 20 nearest questions", questions, nearest)


def plain_fts5(questions: Questions) -> Iterator[Ranking]:
    """SQLite's FTS5 with its porter tokenizer and bm25, every word of the question joined by OR."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE whole USING fts5(text, tokenize='porter unicode61')")
    db.execute("CREATE VIRTUAL TABLE each USING fts5(text, article UNINDEXED, tokenize='porter unicode61')")
    for number, article in enumerate(questions.articles):
        db.execute("INSERT INTO whole(rowid, text) VALUES (?, ?)", (number, "\n".join(article)))
        db.executemany("INSERT INTO each(text, article) VALUES (?, ?)", ((text, number) for text in article))

    def asked(query: str) -> Callable[[str], list[tuple[int, float]]]:
        def ask(text: str) -> list[tuple[int, float]]:
            words = " OR ".join(f'"{word}"' for word in dict.fromkeys(_plain(text)))
            return [(int(article), -score) for article, score in db.execute(query, (words,))] if words else []

        return ask

    yield _ranked(
        "plain FTS5 over articles",
        questions,
        asked("SELECT rowid, rank FROM whole WHERE whole MATCH ? ORDER BY rank LIMIT 20"),
    )
    yield _ranked(
        "plain FTS5, sum of the 20 nearest questions", questions,
        asked("SELECT article, rank FROM each WHERE each MATCH ? ORDER BY rank LIMIT 20"),
    )  # fmt: skip
    db.close()


def _plain(text: str) -> list[str]:
    return "".join(char if char.isalnum() else " " for char in text.lower()).split()


def _ranked(how: str, questions: Questions, ask: Callable[[str], list[tuple[int, float]]]) -> Ranking:
    results = []
    for text, article in questions.asked:
        sums: dict[int, float] = {}
        for found, score in ask(text):
            sums[found] = sums.get(found, 0.0) + score
        order = sorted(sums, key=lambda found: -sums[found])
        results.append((article, order, sums[order[0]] if order else 0.0))
    return _ranking(how, results)


def _ranking(how: str, results: Sequence[tuple[int, Sequence[int], float]]) -> Ranking:
    known = [(article, order, sure) for article, order, sure in results if article != ABSENT]
    absent = [sure for article, _, sure in results if article == ABSENT]
    bar = sorted(sure for _, _, sure in known)[int(len(known) * WRONGLY)]
    return Ranking(
        how,
        statistics.fmean(order[:1] == [article] for article, order, _ in known),
        statistics.fmean(article in order[:3] for article, order, _ in known),
        statistics.fmean(sure < bar for sure in absent) if absent else None,
    )


def reliability(results: Sequence[tuple[int, Sequence[int], float, bool]]) -> Iterator[tuple[float, float, int]]:
    """Yield, for tenths of certainty: its mean, the share whose article was among the first three, and how many questions."""
    for tenth in range(10):
        some = [one for one in results if int(min(one[2], 0.999) * 10) == tenth]
        if some:
            yield (
                statistics.fmean(sure for _, _, sure, _ in some),
                statistics.fmean(article in order[:3] for article, order, _, _ in some),
                len(some),
            )


def intents(report: Report, program: Path, room: Path) -> None:
    """BANKING77: is the right article first, and among the first three?"""
    questions = _set(report, banking77)
    if questions is None:
        return
    first, three = 0.85, 0.95
    for line in (*rank_bm25(questions), *plain_fts5(questions)):
        report.add(f"BANKING77, {line.how}", f"{line.first:.1%} / {line.three:.1%}", note="for comparison")
    line, _, took = ours(questions)
    report.add(
        "BANKING77, right article first / in the first three", f"{line.first:.1%} / {line.three:.1%}",
        f">= {first:.0%} / {three:.0%}", line.first >= first and line.three >= three,
        f"{questions.size}; processor time p95 {took[int(len(took) * 0.95)]:.0f} ms",
    )  # fmt: skip


def out_of_scope(report: Report, program: Path, room: Path) -> None:
    """CLINC150: are questions refused that nothing answers, and the others not?"""
    questions = _set(report, clinc150)
    if questions is None:
        return
    goal = 0.78
    for line in (*rank_bm25(questions), *plain_fts5(questions)):
        report.add(f"CLINC150, {line.how}", f"{line.refused or 0:.1%}", note="for comparison")
    line, results, _ = ours(questions)
    refused = statistics.fmean(not answerable for article, _, _, answerable in results if article == ABSENT)
    wrongly = statistics.fmean(not answerable for article, _, _, answerable in results if article != ABSENT)
    report.add(
        "CLINC150, out of scope refused / wrongly refused", f"{refused:.1%} / {wrongly:.1%}",
        f">= {goal:.0%} / <= {WRONGLY:.0%}", refused >= goal and wrongly <= WRONGLY,
        f"{questions.size}; the decision as it comes; at exactly {WRONGLY:.0%} wrongly refused {line.refused or 0:.1%};"
        f" right article first {line.first:.1%}",
    )  # fmt: skip


def _set(report: Report, load: Callable[[Path], Questions]) -> Questions | None:
    try:
        return load(data_folder())
    except NoData as error:
        report.add(load.__name__.upper(), "not measured", note=str(error))
        return None


def main() -> None:
    """Print the table of both sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="", help="folder with banking77 and clinc150; default: DESKHAND_BENCH_DATA")
    try:
        folder = data_folder(parser.parse_args().data)
    except NoData as error:
        raise SystemExit(str(error)) from None
    for questions in (banking77(folder), clinc150(folder)):
        print(questions.size)
        for line in (*rank_bm25(questions), *plain_fts5(questions)):
            print(line)
        line, results, took = ours(questions)
        print(
            f"{line}\n  processor time of one search: p50 {took[len(took) // 2]:.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms"
        )
        refused = [not answerable for article, _, _, answerable in results if article == ABSENT]
        wrongly = [not answerable for article, _, _, answerable in results if article != ABSENT]
        print(f"  decision (normal): {statistics.fmean(wrongly):.1%} of the answerable ones refused", end="")
        print(f", {statistics.fmean(refused):.1%} of those out of scope refused" if refused else "")
        for sure, right, number in reliability(results):
            print(f"    certainty {sure:.2f}: {right:.2f} right of {number:,}")


if __name__ == "__main__":
    main()
