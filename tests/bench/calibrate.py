"""Make the weights of ``plugins/knowledge/certainty.py`` anew: two logistic regressions on what speaks for an answer.

Run: python -m tests.bench.calibrate [--data FOLDER]. Lists of questions: the training part of CLINC150 as articles, its validation
part asked. Articles: the sample shop, the half ``calibration`` of the tests' questions. Each answerable question is asked twice, once
with its article taken away: the hardest kind of question without an answer. Of all that is weighed a third has no answer.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import yaml

from tests.bench.questions import ABSENT, NoData, clinc150, data_folder, shelf

WITHOUT = 1 / 3
"""Share of questions without an answer, as a shop's customers may ask them."""
_GENTLE = 3e-3  # ridge: the half of the shop has a hundred questions


def lists(folder: Path) -> list[tuple[Any, bool, str]]:
    """Evidence, whether one of the first three articles is right, and the kind of question."""
    from bot import Question
    from plugins.knowledge.search import explain

    questions = clinc150(folder, "val")
    out = []
    with shelf(questions.articles) as (index, numbers):
        for text, article in questions.asked:
            result = explain(index, Question(site="", text=text, language="en"))
            out += _twice(result, lambda id_, right=article: numbers[id_] == right, article != ABSENT)  # type: ignore[misc]
    return out


def shop() -> list[tuple[Any, bool, str]]:
    """The same of the sample shop's articles."""
    from bot import Question, list_articles, store
    from plugins.knowledge.index import Index
    from plugins.knowledge.search import explain
    from plugins.knowledge.sync import SAMPLE_FOLDER

    half = yaml.safe_load((Path(__file__).parents[1] / "knowledge/questions.yaml").read_text("utf-8"))["calibration"]
    asked = [*half["answerable"], *({"q": text, "articles": []} for text in half["unanswerable"])]
    out = []
    with tempfile.TemporaryDirectory(prefix="deskhand-bench-") as name:
        store.open_database(f"sqlite:///{Path(name) / 'bench.sqlite3'}")
        store.migrate()
        try:
            _import(SAMPLE_FOLDER)
            index = Index(Path(name) / "index")
            index.refresh()
            slugs = {view.id: view.slug for view in list_articles()}
            for item in asked:
                question = Question(site="", text=item["q"], context=item.get("context", ""), language="en")
                right = item["articles"]
                out += _twice(explain(index, question), lambda id_, right=right: slugs[id_] in right, bool(right))  # type: ignore[misc]
        finally:
            store.close_database()
    return out


def _import(folder: Path) -> None:
    from plugins.knowledge.folder import Folder
    from plugins.knowledge.sync import SAMPLE

    Folder(folder, SAMPLE).sync()


def _twice(result: Any, is_right: Any, answerable: bool) -> list[tuple[Any, bool, str]]:
    from plugins.knowledge.certainty import weigh
    from plugins.knowledge.scoring import rank

    right = answerable and any(is_right(article.id) for article in result.articles[:3])
    out = [(result.evidence, right, "asked" if answerable else "absent")]
    if answerable:
        rest = [one for one in result.scored if not is_right(one.passage.article_id)]
        articles = rank(rest, result.asked)
        rest.sort(key=lambda one: (-one.score, one.passage.id))
        out.append((weigh(result.asked, rest, articles), False, "taken away"))
    return out


def fit(samples: Sequence[tuple[tuple[float, ...], bool, str]]) -> tuple[tuple[float, ...], float]:
    """A logistic regression by Newton's method, with the kinds of questions in their shares."""
    kinds = [kind for _, _, kind in samples]
    shares = {"asked": 1 - WITHOUT, "absent": WITHOUT / 2, "taken away": WITHOUT / 2}
    weights = numpy.array([shares[kind] / kinds.count(kind) for kind in kinds])
    values = numpy.array([values for values, _, _ in samples], dtype=float)
    right = numpy.array([right for _, right, _ in samples], dtype=float)
    middle, spread = values.mean(0), values.std(0) + 1e-9
    table = numpy.c_[(values - middle) / spread, numpy.ones(len(values))]
    ridge = _GENTLE * numpy.r_[numpy.ones(values.shape[1]), 0.0]
    found = numpy.zeros(table.shape[1])
    for _ in range(100):
        sure = 1 / (1 + numpy.exp(-numpy.clip(table @ found, -30, 30)))
        slope = table.T @ (weights * (sure - right)) + ridge * found
        bend = (table * (weights * sure * (1 - sure))[:, None]).T @ table + numpy.diag(ridge + 1e-9)
        found = found - numpy.linalg.solve(bend, slope)
    each = found[:-1] / spread
    return tuple(round(float(one), 2) for one in each), round(float(found[-1] - (each * middle).sum()), 2)


def main() -> None:
    """Print both sets of weights as they stand in the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="", help="folder with clinc150; default: DESKHAND_BENCH_DATA")
    try:
        folder = data_folder(parser.parse_args().data)
    except NoData as error:
        raise SystemExit(str(error)) from None
    print("_ARTICLES =", fit([(evidence.of_articles, right, kind) for evidence, right, kind in shop()]))
    print("_LISTS =", fit([(evidence.of_lists, right, kind) for evidence, right, kind in lists(folder)]))


if __name__ == "__main__":
    main()
