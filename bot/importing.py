"""Reading a source: places one by one, articles in small batches, and at the end what is no more.

Safe to stop at any moment, to run again and to run beside another process: the state is in :mod:`bot.sources`.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from bot import sources
from bot.article_rows import rows_of
from bot.articles import list_articles, retire_articles, save_articles, site_ids
from bot.clock import now
from bot.hidden import strip_hidden
from bot.jobs import Again, enqueue_again
from bot.knowledge import (
    ArticleText,
    ArticleView,
    Gone,
    KnowledgeSource,
    LeftOut,
    Place,
    Remember,
    SourceArticle,
    SourceFailed,
    SourceReader,
    SourceRefused,
    Unchanged,
    UnusableArticle,
    Visibility,
)
from bot.pieces import cut
from bot.plugins import snapshot
from bot.sources import Settled, SourceView, Taken
from bot.store import Job, write

log = structlog.get_logger("knowledge")

KIND = "knowledge.source"
SLICE = 120.0
"""Seconds that one job reads for; then other long work has its turn, and it goes on."""
BATCH = 20
EVERY = 1.0
"""Seconds after which what was read is stored at the latest."""
MOST_PLACES = 20_000
FORMAT = "1"
"""Part of every checksum: raise it when what is made of a text changes."""
LONGEST = 2_000_000
"""Characters of one article."""


def kinds_of_source() -> dict[str, KnowledgeSource]:
    """Every kind of source that a plugin offers now, by name. Of two with one name the first is used."""
    found: dict[str, KnowledgeSource] = {}
    for _plugin, made in snapshot().each("knowledge_source"):
        for one in [made] if isinstance(made, KnowledgeSource) else made:
            found.setdefault(one.kind, one)
    return found


def start_due_sources(_ref: str = "") -> None:
    """Put down the work of every source whose time has come. A quick job; the reading is a slow one."""
    due = sources.due_sources()
    if due:
        write(lambda: _put_down(due))


def _put_down(due: list[str]) -> None:
    busy = _at_work()
    for source_id in due:
        if source_id not in busy:
            enqueue_again(KIND, source_id)


def _at_work() -> set[str]:
    """Inside a write: sources that a job stands for already; one that waits for its turn is not hurried."""
    return {
        row[0] for row in rows_of(Job.select(Job.ref).where((Job.kind == KIND) & Job.state.in_(["queued", "running"])))
    }


def import_in_background(source_id: str) -> None:
    """The slow job: read for :data:`SLICE` seconds, then come again. Raises :class:`bot.jobs.Again` while there is more."""
    try:
        view = sources.find_source(source_id)
    except SourceRefused:
        return  # it was removed meanwhile
    if view.state != "running" and not (view.next_at is not None and view.next_at <= now()):
        return
    try:
        after = import_source(source_id, seconds=SLICE)
    except SourceRefused:
        return
    if after.state == "running":
        waits = 0.0 if sources.open_places(source_id, after.run) else 5.0
        raise Again(now() + waits, f"{after.done} of {after.total} read")


def import_source(
    source_id: str, *, seconds: float | None = None, told: Callable[[SourceView], object] | None = None
) -> SourceView:
    """Read a source, or go on with the look that was begun; returns the source as it is afterwards.

    With ``seconds`` it stops after about so long with the state ``running``. ``told`` is called after each place. Raises
    :class:`SourceRefused` when there is no such source, and :class:`bot.StoreUnavailable`.
    """
    view = sources.find_source(source_id)
    begun = sources.begin(source_id)
    view = sources.find_source(source_id)
    kind = kinds_of_source().get(view.kind)
    if kind is None:
        sources.end(source_id, view.run, error=f"No plugin that is on reads sources of the kind {view.kind}.")
        return sources.find_source(source_id)
    try:
        reader = kind.open(view.order)
        try:
            if begun or not view.total:
                _hear(view, list(reader.places()))
            _Look(view, kind, reader, told).run(math.inf if seconds is None else time.monotonic() + seconds)
        finally:
            reader.close()
    except (SourceFailed, SourceRefused) as error:
        sources.end(source_id, view.run, error=str(error))
        log.warning("source_failed", source=view.address, reason=str(error), next="its articles stay as they were")
    return sources.find_source(source_id)


def _most(view: SourceView) -> int:
    return min(int(view.options.get("pages") or MOST_PLACES), MOST_PLACES)


def _hear(view: SourceView, places: list[Place]) -> None:
    left_out = sources.hear_of(view.id, view.run, places, _most(view))
    if left_out:
        known = [f"More than {_most(view):,} places are there; the others were left out."]
        first = not sources.find_source(view.id).report.left_out
        sources.count(view.id, view.run, known if first else (), left_out=left_out)


@dataclass(slots=True)
class _Read:
    """What one place gave so far."""

    taken: Taken
    stored: dict[tuple[str, str], ArticleView]
    kept: set[str] = field(default_factory=set)
    batch: list[ArticleText] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    note: Mapping[str, object] | None = None
    unchanged: bool = False
    same: int = 0
    """Articles that are as they were."""
    gone: Gone | None = None
    error: str = ""
    again: bool = False
    """Something of it could not be used for now, such as an article of a site that is not there yet: it is read whole next time."""
    counts: Counter[str] = field(default_factory=Counter)


class _Look:
    """One process's part in one look."""

    def __init__(
        self, view: SourceView, kind: KnowledgeSource, reader: SourceReader, told: Callable[[SourceView], object] | None
    ) -> None:
        self.view = view
        self.kind = kind
        self.reader = reader
        self.told = told
        self.sites = site_ids()
        self.read: list[_Read] = []
        """Places that were read and are not stored yet."""
        self.stored_at = time.monotonic()

    def run(self, until: float) -> None:
        view = self.view
        try:
            while time.monotonic() < until:
                taken = sources.take_place(view.id, view.run)
                if taken is not None:
                    self._place(taken)
                    continue
                self._store()
                if sources.open_places(view.id, view.run):
                    return  # another process reads the last ones, and ends the look
                if self.kind.complete or not sources.hear_again(view.id, view.run):
                    self._end()
                    return
        finally:
            self._store()

    def _end(self) -> None:
        view = self.view
        lost = sources.lost_places(view.id, view.run)
        removed = sum(self._retire(path, set()) for path in lost)
        sources.count(view.id, view.run, removed=removed)
        if sources.end(view.id, view.run, forget=lost):
            after = sources.find_source(view.id)
            log.info("source_read", source=view.address, places=after.done, articles=after.articles, removed=removed)

    def _place(self, taken: Taken) -> None:
        """Read one place. What it gave is stored with that of others, so that few transactions and few versions come of it."""
        view = self.view
        got = _Read(taken, {(one.path, one.site): one for one in list_articles(view.source, place=taken.place.path)})
        try:
            for finding in self.reader.read(taken.place, taken.note):
                self._take(got, finding)
        except SourceFailed:
            raise
        except Exception as error:
            log.warning(
                "place_not_read",
                source=view.address,
                place=taken.place.path,
                reason=str(error),
                kind=type(error).__name__,
            )
            got.error = f"it could not be read ({type(error).__name__})"
        if not taken.place.hint.get("lost"):
            _hear(view, got.places)
        self.read.append(got)
        waits = sum(len(one.batch) for one in self.read)
        if waits >= BATCH or len(self.read) >= BATCH or time.monotonic() - self.stored_at >= EVERY:
            self._store()
            if self.told is not None:
                self.told(sources.find_source(view.id))

    def _store(self) -> None:
        """Store the articles, then take away what is no more, then note the places as read: a crash between them reads them again."""
        self.stored_at = time.monotonic()
        some, self.read = self.read, []
        for got in some:
            self._count(got)
        texts = [text for got in some for text in got.batch]
        for start in range(0, len(texts), BATCH):
            saved = save_articles(texts[start : start + BATCH], source_id=self.view.id)
            for got in some:
                got.kept.update(saved)  # an article is of one place, so the others' mean nothing here
        sources.settle_places(self.view.id, self.view.run, [self._settled(got) for got in some])

    def _settled(self, got: _Read) -> Settled:
        place, error = got.taken.place, got.error
        missing = self._missing(got, bool(place.hint.get("lost")))
        removed = 0
        if missing >= 2:
            removed = self._retire(place.path, set())
        elif not error and not got.unchanged and not missing:
            removed = self._retire(place.path, got.kept) if got.stored else 0
        problems = [*got.problems, *([f"{place.path} was left out: {error}."] if error else [])]
        unchanged = len(got.stored) if got.unchanged else got.same
        more = {"removed": removed, "failed": 1 if error else 0, "unchanged": unchanged, "left_out": len(got.problems)}
        return Settled(
            taken=got.taken,
            note={} if got.again else got.note,
            missing=missing,
            error=error,
            problems=tuple(problems),
            counts=got.counts + Counter(more),
        )

    def _missing(self, got: _Read, lost: bool) -> int:
        """How many looks in a row nothing was there. A place that nobody names any more counts as empty, unless this look could not
        read all that might name it."""
        before = got.taken.missing
        if got.error:  # what never was anything is not asked for for ever
            return before + (1 if lost and not got.stored else 0)
        if got.gone is not None:
            return 2 if got.gone.certain else before + 1
        if lost:
            return before + (0 if sources.find_source(self.view.id).report.failed else 1)
        return 0

    def _take(self, got: _Read, finding: object) -> None:
        place = got.taken.place
        if isinstance(finding, SourceArticle):
            finding = _clean(finding)
            try:
                self._article(got, finding)
            except UnusableArticle as error:
                got.again = True
                got.problems.append(f"{place.path} {finding.name}".strip() + f" was left out: {error}.")
                path = _path(place, finding)
                got.kept.update(
                    one.id for one in got.stored.values() if one.path == path
                )  # its last good version stays
        elif isinstance(finding, Place):
            got.places.append(finding)
        elif isinstance(finding, LeftOut) and finding.what:
            got.problems.append(strip_hidden(f"{place.path}, {finding.what} was left out: {finding.reason}."))
        elif isinstance(finding, LeftOut):
            got.error = strip_hidden(finding.reason)
        elif isinstance(finding, Remember):
            got.note = finding.note
        elif isinstance(finding, Unchanged):
            got.unchanged = True
        elif isinstance(finding, Gone):
            got.gone = finding
        else:
            raise TypeError(f"a source gave {type(finding).__name__}")

    def _article(self, got: _Read, found: SourceArticle) -> None:
        view, taken = self.view, got.taken
        body = found.body
        if len(body) > LONGEST:
            raise UnusableArticle(f"it has {len(body):,} characters; at most {LONGEST:,} are read")
        title = " ".join(found.title.split())[:300] or taken.place.path
        language = view.language or found.language or str(view.options.get("default_language", ""))
        path = _path(taken.place, found)
        visibility: Visibility = "internal" if found.internal else view.visibility
        packed = (FORMAT, title, body, found.url, language, visibility)
        checksum = hashlib.sha256("\x1f".join(packed).encode("utf-8", "replace")).hexdigest()
        for site in self._sites_of(found):
            known = got.stored.get((path, site))
            if known is not None:
                got.kept.add(known.id)
                if known.checksum == checksum:
                    got.same += 1
                    continue
            pieces = cut(body, title)
            if not pieces:
                raise UnusableArticle("it has headings, but no text" if body.strip() else "it has no text")
            text = ArticleText(
                source=view.source, path=path, place=taken.place.path, site=site, slug=found.name or taken.place.path.rsplit("/", 1)[-1],
                title=title, body=body, pieces=pieces, language=language, url=found.url, updated=found.updated, checksum=checksum,
                visibility=visibility,
            )  # fmt: skip
            got.batch.append(text)
        if len(got.batch) >= BATCH:
            self._flush(got)

    def _sites_of(self, found: SourceArticle) -> list[str]:
        for key in found.sites:
            if key not in self.sites:
                raise UnusableArticle(f"it is for the site {key}, which does not exist (deskhand site list shows them)")
        return [self.sites[key] for key in found.sites] or [self.view.site]

    def _flush(self, got: _Read) -> None:
        """Store what a place with many articles has given so far."""
        self._count(got)
        if got.batch:
            got.kept.update(save_articles(got.batch, source_id=self.view.id))
            got.batch = []
        if time.monotonic() - self.stored_at >= EVERY:
            self.stored_at = time.monotonic()
            counts, got.counts = got.counts, Counter()
            sources.count(self.view.id, self.view.run, (), **counts)
            sources.still_reading(got.taken)
            if self.told is not None:
                self.told(sources.find_source(self.view.id))

    def _count(self, got: _Read) -> None:
        for text in got.batch:
            known = got.stored.get((text.path, text.site))
            got.counts["added" if known is None else "drafts" if known.reviewed_at is not None else "changed"] += 1

    def _retire(self, place: str, kept: set[str]) -> int:
        gone = [one.id for one in list_articles(self.view.source, place=place) if one.id not in kept]
        return retire_articles(gone)


def _clean(found: SourceArticle) -> SourceArticle:
    """Without what nobody sees and no database takes: one odd character must not stop a whole source."""
    return replace(
        found,
        title=strip_hidden(found.title),
        body=strip_hidden(found.body),
        name=strip_hidden(found.name),
        url=strip_hidden(found.url),
        language=strip_hidden(found.language),
        updated=strip_hidden(found.updated),
    )


def _path(place: Place, found: SourceArticle) -> str:
    return f"{place.path}#{found.name}" if found.name else place.path
