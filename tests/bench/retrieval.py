"""How long a search takes: 10,000 synthetic articles of 300 words, questions of 12 words, one process, warm.

Run: python -m tests.bench.retrieval [--articles 10000] [--questions 1000]. Words follow Zipf's law over 30,000 made-up ones behind the
100 commonest of English, so that common words are in most passages and rare ones in few, as in real texts.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_COMMON = """
the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we
when your can said there use an each which she do how their if will up other about out many then them these so some her would make
like him into time has look two more write go see number no way could people my than first water been call who oil its now find long
down day did get come made may part
"""
COMMON = _COMMON.split()
LARGE = 34_000
"""Articles of 300 words that have 100,000 passages together."""
MANY = 20_000
"""More articles than this are put into the database at once: their import is not what is measured."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Milliseconds of one search each, sorted, and what it took to get there."""

    articles: int
    passages: int
    sync_seconds: float
    build_seconds: float
    update_seconds: float
    """One changed article until the index has it."""
    milliseconds: tuple[float, ...]
    beside: tuple[float, ...]
    """The same with four threads searching at once."""
    processor: tuple[float, ...]
    """The same searches in milliseconds of processor time: what does not depend on who else is at work."""
    found: float
    """Share of the questions whose article was among the first three."""

    def percentile(self, share: float, values: Sequence[float] | None = None) -> float:
        chosen = values if values is not None else self.milliseconds
        return chosen[min(len(chosen) - 1, int(len(chosen) * share))]

    def __str__(self) -> str:
        return (
            f"retrieval: {self.articles:,} articles, {self.passages:,} passages, {len(self.milliseconds):,} questions of 12 words:"
            f" p50 {self.percentile(0.5):.1f} ms, p95 {self.percentile(0.95):.1f} ms, p99 {self.percentile(0.99):.1f} ms"
            f" (processor time p50 {self.percentile(0.5, self.processor):.1f} ms, p95 {self.percentile(0.95, self.processor):.1f} ms);"
            f" 4 threads: p50 {self.percentile(0.5, self.beside):.1f} ms,"
            f" p95 {self.percentile(0.95, self.beside):.1f} ms; right article in the first three {self.found:.1%};"
            f" import {self.sync_seconds:.1f} s, index {self.build_seconds:.1f} s, one changed article {self.update_seconds:.2f} s"
        )


def made_up_words(count: int, rng: random.Random) -> list[str]:
    """Words that look like words, so that the stemmer has its usual work."""
    starts = [
        "b",
        "br",
        "c",
        "d",
        "dr",
        "f",
        "g",
        "gl",
        "h",
        "k",
        "l",
        "m",
        "n",
        "p",
        "pl",
        "r",
        "s",
        "st",
        "t",
        "tr",
        "v",
        "w",
    ]
    middles = ["a", "e", "i", "o", "u", "ai", "ea", "oo"]
    ends = ["", "b", "ck", "d", "g", "l", "m", "n", "nd", "p", "r", "rt", "st", "t"]
    suffixes = ["", "", "", "ing", "ed", "s", "er", "ment", "ly", "ness"]
    words: dict[str, None] = dict.fromkeys(COMMON)
    while len(words) < count:
        syllables = rng.choice((1, 2, 2, 3))
        word = "".join(rng.choice(starts) + rng.choice(middles) + rng.choice(ends) for _ in range(syllables))
        words[word + rng.choice(suffixes)] = None
    return list(words)


def write_articles(folder: Path, count: int, words: int, rng: random.Random) -> list[list[str]]:
    """Write ``count`` Markdown files of about ``words`` words; return the words of each."""
    vocabulary = made_up_words(30_000, rng)
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(vocabulary))))
    texts = []
    for number in range(count):
        text = rng.choices(vocabulary, cum_weights=weights, k=words)
        texts.append(text)
        title = " ".join(rng.sample([word for word in text if word not in COMMON], 4))
        third = len(text) // 3
        body = f"# {title}\n\n{_sentences(text[:third])}\n\n## {' '.join(text[third : third + 3])}\n\n{_sentences(text[third:])}\n"
        (folder / f"{number:05}.md").write_text(body, encoding="utf-8")
    return texts


def _sentences(words: Sequence[str]) -> str:
    return " ".join(" ".join(words[start : start + 15]).capitalize() + "." for start in range(0, len(words), 15))


def measure(
    data: Path, *, articles: int = 10_000, words: int = 300, questions: int = 1_000, seed: int = 7
) -> Retrieval:
    """Fill the opened database from files, build the index below ``data`` and search."""
    from bot import Question
    from plugins.knowledge.folder import Folder
    from plugins.knowledge.index import Index
    from plugins.knowledge.search import search

    rng = random.Random(seed)
    folder = data / "articles"
    folder.mkdir(parents=True)
    importer, index = Folder(folder, "markdown:bench"), Index(data / "index")
    if articles > MANY:
        began = time.perf_counter()
        texts, titles = fill(articles, words, rng)
        sync_seconds = time.perf_counter() - began
    else:
        texts = write_articles(folder, articles, words, rng)
        titles = [(folder / f"{number:05}.md").read_text("utf-8").partition("\n")[0][2:] for number in range(articles)]
        sync_seconds = _timed(importer.sync)
    build_seconds = _timed(index.refresh)
    asked = []
    for _ in range(questions):
        number = rng.randrange(articles)
        asked.append((number, " ".join(rng.sample(texts[number], 12))))
    file = index.current()
    passages = file.size(file.sizes).passages if file else 0

    def ask(number: int, text: str) -> tuple[float, bool, float]:
        began, worked = time.perf_counter(), time.thread_time()
        found = search(index, Question(site="bench", text=text))
        took, work = (time.perf_counter() - began) * 1_000, (time.thread_time() - worked) * 1_000
        order = list(dict.fromkeys(passage.title for passage in found.passages))[:3]
        return took, titles[number] in order, work

    for number, text in asked[:50]:
        ask(number, text)
    results = [ask(number, text) for number, text in asked]
    beside = _together(ask, asked)
    changed = folder / "00000.md"
    before = changed.read_text("utf-8") if changed.exists() else "# One more\n"
    changed.write_text(before + "\nA sentence more.\n", encoding="utf-8")
    importer.sync()
    update_seconds = _timed(index.refresh)
    return Retrieval(
        articles, passages, sync_seconds, build_seconds, update_seconds, tuple(sorted(took for took, _, _ in results)),
        tuple(sorted(beside)), tuple(sorted(work for _, _, work in results)), statistics.fmean(hit for _, hit, _ in results),
    )  # fmt: skip


def fill(count: int, words: int, rng: random.Random) -> tuple[list[list[str]], list[str]]:
    """Put ``count`` articles into the database at once, past the importer, which stores a few in each of its transactions.

    Returns the words and the title of each; a passage has a hundred words.
    """
    from bot.articles import VERSION_KEY
    from bot.store import Article, Passage, Setting, write

    vocabulary = made_up_words(30_000, rng)
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(vocabulary))))
    texts = [rng.choices(vocabulary, cum_weights=weights, k=words) for _ in range(count)]
    titles = [" ".join(rng.sample([word for word in text if word not in COMMON], 4)) for text in texts]

    def store_all() -> None:
        for start in range(0, count, 200):
            numbers = range(start, min(start + 200, count))
            Article.insert_many([
                {"id": f"a{number:06}", "source": "bench:made", "path": f"{number:06}", "slug": f"{number}", "title": titles[number],
                 "language": "en", "body": "", "checksum": "", "version": 1, "state": "live", "changed_at": 0.0}
                for number in numbers
            ]).execute()  # fmt: skip
            Passage.insert_many([
                {"id": f"p{number:06}.{at}", "article": f"a{number:06}", "ord": at, "heading": " ".join(texts[number][at : at + 3]),
                 "text": _sentences(texts[number][at : at + 100]), "language": "en"}
                for number in numbers
                for at in range(0, words, 100)
            ]).execute()  # fmt: skip
        value = {"number": 1, "tag": "0123456789ab", "recent": []}
        Setting.insert(key=VERSION_KEY, value=value, changed_at=0.0).execute()

    write(store_all)
    return texts, titles


def _timed(call: object) -> float:
    began = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - began


def _together(ask: object, asked: Sequence[tuple[int, str]]) -> list[float]:
    out: list[float] = []

    def some(start: int) -> None:
        out.extend(ask(number, text)[0] for number, text in asked[start::4])  # type: ignore[operator]

    threads = [threading.Thread(target=some, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def run(articles: int = 10_000, questions: int = 1_000) -> Retrieval:
    """Measure on a SQLite database of its own in a temporary folder."""
    from bot import store

    with tempfile.TemporaryDirectory(prefix="deskhand-bench-") as name:
        data = Path(name)
        store.open_database(f"sqlite:///{data / 'bench.sqlite3'}")
        store.migrate()
        try:
            return measure(data, articles=articles, questions=questions)
        finally:
            store.close_database()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=1_000)
    options = parser.parse_args()
    print(run(options.articles, options.questions))
