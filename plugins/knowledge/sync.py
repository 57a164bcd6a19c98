"""Which folder is read, and what this process remembers of it between two looks."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog

from bot import article_sources, get_config, knowledge_version, list_articles, list_sources, retire_articles
from plugins.knowledge.folder import Folder, Report
from plugins.knowledge.index import Index
from plugins.knowledge.scan import FolderMissing, scan

log = structlog.get_logger("knowledge")

OWN, SAMPLE = "markdown:folder", "markdown:sample"
SAMPLE_FOLDER = Path(__file__).parent / "sample"

BUDGET = 2.0
"""Seconds one job may import for: the worker has other quick work. The very first import has all the time it needs."""

_lock = threading.Lock()
_told: set[str] = set()


@lru_cache(maxsize=4)
def _index(folder: Path) -> Index:
    return Index(folder)


def host_index() -> Index:
    """The index in this host's data folder, one object for the process."""
    return _index(get_config().data / "index")


@lru_cache(maxsize=8)
def _folder(root: Path, source: str, language: str) -> Folder:
    return Folder(root, source, language)


def sync(folder: str, language: str, sample: bool = True, seconds: float | None = None) -> list[Report]:
    """Bring the articles up to the folder and this host's index up to the articles.

    Without a folder the sample shop is kept as long as nobody else brought articles; it leaves when there are some.
    Raises :class:`FolderMissing`, :class:`bot.StoreUnavailable`, OSError (the index cannot be written).
    """
    with _lock:
        reports = []
        if folder:
            reports.append(_folder(Path(folder), OWN, language).sync(seconds))
        others = any(source != SAMPLE for source in article_sources())
        if sample and not folder and not others:
            reports.append(_folder(SAMPLE_FOLDER, SAMPLE, "en").sync())
        elif SAMPLE in article_sources():
            removed = retire_articles([view.id for view in list_articles(SAMPLE)])
            reports.append(Report("sample shop", removed=removed))
    host_index().refresh()
    return reports


def sync_quietly(folder: str, language: str, sample: bool) -> None:
    """As :func:`sync`, for a worker: what changed and each new problem is logged once.

    A missing folder is an error only while there are no articles at all; later it is a warning, and the articles stay.
    """
    try:
        reports = sync(folder, language, sample, BUDGET if article_sources() else None)
    except FolderMissing as missing:
        if not article_sources():
            raise
        host_index().refresh()
        _tell({str(missing)})
        return
    for report in reports:
        if report.touched:
            log.info("knowledge.synced", result=str(report))
    _tell({str(problem) for report in reports for problem in report.problems})


def _tell(problems: set[str]) -> None:
    for text in sorted(problems - _told):
        log.warning("knowledge.problem", problem=text)
    _told.clear()
    _told.update(problems)


def health(folder: str) -> dict[str, Any]:
    """For ``deskhand doctor``: what there is. Raises :class:`FolderMissing`, or RuntimeError when the index lags behind."""
    problems = scan(Path(folder))[1] if folder else []
    version, file = knowledge_version(), host_index().current()
    if version.number and file is None:
        raise RuntimeError(
            "The knowledge base has articles, but this host has no index of them. Run: deskhand knowledge sync"
        )
    return {
        "articles": sum(article_sources().values()),
        "version": version.number,
        "indexed": file.number if file else 0,
        "left_out": [str(problem) for problem in problems],
        "failed_sources": [
            f"{source.address}: {source.error}" for source in list_sources() if source.state == "failed"
        ],
    }
