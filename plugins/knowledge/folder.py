"""Keeping a folder of Markdown files and the stored articles alike: added, changed, renamed and deleted files."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bot import (
    ArticleText,
    ArticleView,
    cut_article,
    knowledge_version,
    list_articles,
    retire_articles,
    save_articles,
    site_ids,
)
from plugins.knowledge.frontmatter import Document, UnusableFile, parse
from plugins.knowledge.scan import Mark, Problem, read_bytes, scan
from plugins.knowledge.words import script_language

BATCH = 20
FORMAT = "1"
"""Part of every checksum: raise it when the cutting changes, so that all files are imported again."""
_RACY = 2.0  # seconds: a file this young may change again without a change of its time and size


@dataclass(slots=True)
class Report:
    """What one sync did."""

    folder: str
    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    waiting: int = 0
    """Files that are left for the next time, because the time for this one was over."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def touched(self) -> int:
        """How many articles are other than before."""
        return self.added + self.changed + self.moved + self.removed

    def __str__(self) -> str:
        return (
            f"{self.folder}: {self.added} added, {self.changed} changed, {self.moved} moved, {self.removed} removed, "
            f"{self.unchanged} unchanged, {len(self.problems)} left out"
            + (f", {self.waiting} still waiting." if self.waiting else ".")
        )


class Folder:
    """One folder and what this process remembers of it, so that a sync without changes reads no file and no article."""

    def __init__(self, root: Path, source: str, language: str = "en") -> None:
        self.root = root
        self.source = source
        self.language = language
        self._seen: dict[str, tuple[Mark, str]] = {}  # path: as it was when it was read, and its checksum
        self._settled: tuple[object, ...] | None = None
        self._last = Report(str(root))

    def sync(self, seconds: float | None = None) -> Report:
        """Make the stored articles equal to the folder. Safe to run twice and beside another process.

        With ``seconds`` it stops importing after about so long and goes on with the next call; removed files count only in a
        call that saw all.

        A file that cannot be used is named and left out; if it was good before, its last good version stays.
        Raises :class:`FolderMissing` and :class:`bot.StoreUnavailable`; what was done until then is kept.
        """
        files, problems = scan(self.root)
        sites = site_ids()
        if self._settled == (files, sites, knowledge_version().tag):
            last = self._last
            return Report(
                str(self.root), unchanged=last.unchanged + last.touched - last.removed, problems=last.problems
            )
        self._settled = None
        report = Report(str(self.root), problems=problems)
        report.removed = retire_articles(_Import(self, files, sites, report, seconds).run())
        self._seen = {path: seen for path, seen in self._seen.items() if path in files}
        young = [mark for mark in files.values() if time.time() - mark[0] / 1e9 < _RACY]
        if not young and not report.waiting:
            self._settled = (files, sites, knowledge_version().tag)
        self._last = report
        return report


class _Import:
    """One pass over all files."""

    def __init__(
        self,
        folder: Folder,
        files: Mapping[str, Mark],
        sites: Mapping[str, str],
        report: Report,
        seconds: float | None,
    ) -> None:
        self.until = math.inf if seconds is None else time.monotonic() + seconds
        self.folder = folder
        self.files = files
        self.sites = sites
        self.report = report
        self.stored: dict[str, dict[str, ArticleView]] = {}
        self.lost: dict[tuple[str, str], ArticleView] = {}
        for view in list_articles(folder.source):
            self.stored.setdefault(view.path, {})[view.site] = view
            if view.path not in files:
                self.lost[view.checksum, view.site] = view
        self.left = {view.id for views in self.stored.values() for view in views.values()}
        self.batch: list[ArticleText] = []

    def run(self) -> set[str]:
        """Import what is new or changed; return the ids of the articles that nothing stands for any more."""
        for path, mark in sorted(self.files.items()):
            if time.monotonic() > self.until:
                self.report.waiting += 1
                continue
            try:
                self._file(path, mark)
            except UnusableFile as error:
                self.report.problems.append(Problem(path, str(error)))
                self._keep(path)
            if len(self.batch) >= BATCH:
                self._save()
        self._save()
        return set() if self.report.waiting else self.left

    def _save(self) -> None:
        if self.batch:
            self.left.difference_update(save_articles(self.batch))
            self.batch = []

    def _keep(self, path: str) -> None:
        self.left.difference_update(view.id for view in self.stored.get(path, {}).values())

    def _file(self, path: str, mark: Mark) -> None:
        live = self.stored.get(path, {})
        seen_mark, seen_checksum = self.folder._seen.get(path, ((0, 0, 0), ""))
        if seen_mark == mark and live and all(view.checksum == seen_checksum for view in live.values()):
            self._unchanged(path, mark, seen_checksum)
            return
        raw = read_bytes(self.folder.root / path, mark)
        checksum = hashlib.sha256(f"{FORMAT}\0{self.folder.language}\0".encode() + raw).hexdigest()
        if live and all(view.checksum == checksum for view in live.values()):
            self._unchanged(path, mark, checksum)
            return
        document = parse(raw, Path(path).stem.replace("-", " ").replace("_", " ").strip().capitalize() or path)
        targets = self._targets(document)
        if targets:
            self._take(path, mark, document, checksum, targets)
        self._remember(path, mark, checksum)

    def _unchanged(self, path: str, mark: Mark, checksum: str) -> None:
        self.report.unchanged += 1
        self._keep(path)
        self._remember(path, mark, checksum)

    def _remember(self, path: str, mark: Mark, checksum: str) -> None:
        if time.time() - mark[0] / 1e9 > _RACY:
            self.folder._seen[path] = (mark, checksum)

    def _targets(self, document: Document) -> list[str]:
        if document.draft:
            return []
        for key in document.sites:
            if key not in self.sites:
                raise UnusableFile(f"it is for the site {key}, which does not exist (deskhand site list shows them)")
        return [self.sites[key] for key in document.sites] or [""]

    def _take(self, path: str, mark: Mark, document: Document, checksum: str, targets: list[str]) -> None:
        pieces = cut_article(document.body, document.title)
        if not pieces:
            raise UnusableFile("it has headings, but no text")
        for site in targets:
            text = ArticleText(
                source=self.folder.source,
                path=path,
                site=site,
                slug=Path(path).stem,
                title=document.title,
                body=document.body,
                language=document.language or script_language(document.body) or self.folder.language,
                url=document.url,
                updated=document.updated or datetime.fromtimestamp(mark[0] / 1e9, UTC).date().isoformat(),
                checksum=checksum,
                pieces=pieces,
                visibility="internal" if document.internal else "public",
            )
            moved = None if site in self.stored.get(path, {}) else self.lost.pop((checksum, site), None)
            if moved is not None:
                self.report.moved += 1
                text = replace(text, id=moved.id)
            elif site in self.stored.get(path, {}):
                self.report.changed += 1
            else:
                self.report.added += 1
            self.batch.append(text)
