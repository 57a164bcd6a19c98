"""The sample shop asked: python -m tests.bench.shop prints the table of docs/knowledge.md ("What was measured")."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import yaml

QUESTIONS = Path(__file__).parents[1] / "knowledge/questions.yaml"


def main() -> None:
    """Import the shop into a folder of its own, ask every question of the list, and print both halves."""
    from bot import Question, list_articles, store
    from plugins.knowledge.folder import Folder
    from plugins.knowledge.index import Index
    from plugins.knowledge.search import search
    from plugins.knowledge.sync import SAMPLE, SAMPLE_FOLDER

    with tempfile.TemporaryDirectory(prefix="deskhand-bench-") as name:
        store.open_database(f"sqlite:///{Path(name) / 'bench.sqlite3'}")
        store.migrate()
        Folder(SAMPLE_FOLDER, SAMPLE).sync()
        index = Index(Path(name) / "index")
        index.refresh()
        slugs = {view.id: view.slug for view in list_articles()}
        for half, asked in yaml.safe_load(QUESTIONS.read_text("utf-8")).items():
            first, three, refused = [], [], []
            for item in asked["answerable"]:
                question = Question(site="", text=item["q"], context=item.get("context", ""), language="en")
                found = search(index, question)
                order = list(dict.fromkeys(slugs[passage.article_id] for passage in found.passages))
                first.append(any(slug in item["articles"] for slug in order[:1]))
                three.append(any(slug in item["articles"] for slug in order[:3]))
                refused.append(not found.answerable)
            absent = [
                not search(index, Question(site="", text=text, language="en")).answerable
                for text in asked["unanswerable"]
            ]
            print(
                f"{half}: {len(first)} answerable: first {statistics.fmean(first):.0%}, first three {statistics.fmean(three):.0%},"
                f" refused {statistics.fmean(refused):.0%}; {len(absent)} unanswerable: refused {statistics.fmean(absent):.0%}"
            )
        store.close_database()


if __name__ == "__main__":
    main()
