"""A folder of articles, the stored articles and an index over them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot import Found, Question, list_articles
from plugins.knowledge.folder import Folder, Report
from plugins.knowledge.index import Index
from plugins.knowledge.search import search
from tests.patience import patient


@dataclass
class Shelf:
    """A folder that can be written, synced and asked."""

    root: Path
    folder: Folder
    index: Index

    def write(self, name: str, text: str | bytes, *, age: float = 60.0) -> Path:
        """Write a file that was last touched ``age`` seconds ago."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        moment = time.time() - age
        os.utime(path, (moment, moment))
        return path

    def sync(self) -> Report:
        report = self.folder.sync()
        self.index.refresh()
        return report

    def ask(self, text: str, site: str = "", **more: Any) -> Found:
        return search(self.index, Question(site=site, text=text, **more))

    def titles(self, text: str, site: str = "") -> list[str]:
        return list(dict.fromkeys(passage.title for passage in self.ask(text, site).passages))

    def paths(self) -> list[str]:
        return [view.path for view in list_articles()]


@pytest.fixture
def shelf(store: Any, tmp_path: Path) -> Iterator[Shelf]:
    root = tmp_path / "articles"
    root.mkdir()
    yield Shelf(root, Folder(root, "markdown:folder"), Index(tmp_path / "index"))
    for thread in threading.enumerate():  # one that still looks for news must not find the database closed in mid-query
        if thread.name == "knowledge-index":
            thread.join(patient(10))


@pytest.fixture
def make_site(store: Any) -> Callable[[str], str]:
    """Make a site and return its id."""

    def make(key: str) -> str:
        from bot.store import Site, write

        write(lambda: Site.insert(id=f"id-{key}", key=key, name=key, created_at=0).execute())
        return f"id-{key}"

    return make
