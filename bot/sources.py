"""Sources of knowledge as rows: what is to be read, how often, how far a look has come, and what was remembered of each place.

A look is a number. Its places are taken one by one by whoever works on it, so that it goes on after a crash where it stood, and two
processes share one look instead of doing it twice. What is read is :mod:`bot.importing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from peewee import fn

from bot import audit
from bot.article_rows import next_version, retire_rows, rows_of
from bot.articles import site_ids
from bot.clock import new_id, now
from bot.knowledge import Place, SourceOrder, SourceRefused, Visibility
from bot.store import Article, KnowledgeSource, SourcePlace, is_sqlite, read, write

STALE = 180.0
"""Seconds after which a place that somebody began to read is read by another."""
SHOWN = 50
"""Problems that a source remembers of its last look."""
LEAST_EVERY = 300.0
AGAIN_AFTER = 3_600.0
"""Seconds after which a look that failed is tried again, if its turn is not earlier."""
DIED = "the process that read it died"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What a look did so far."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    drafts: int = 0
    """Texts that wait for a decision, because a person had reviewed the article."""
    failed: int = 0
    """Places that could not be read; what was read of them before stays."""
    left_out: int = 0
    problems: tuple[str, ...] = ()
    """The first of them, as sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """A source and its last look. Times in Unix seconds."""

    id: str
    kind: str
    address: str
    site: str
    language: str
    visibility: Visibility
    options: Mapping[str, Any]
    every: float
    state: str
    """new, running, done or failed"""
    run: int
    done: int
    total: int
    error: str
    report: SourceReport
    next_at: float | None
    started_at: float | None
    ended_at: float | None
    created_by: str
    articles: int = 0

    @property
    def source(self) -> str:
        """What its articles have as their source."""
        return f"{self.kind}:{self.id}"

    @property
    def order(self) -> SourceOrder:
        return SourceOrder(address=self.address, language=self.language, options=self.options)


@dataclass(slots=True)
class Taken:
    """A place that this process reads now."""

    id: int
    place: Place
    note: Mapping[str, Any] = field(default_factory=dict)
    missing: int = 0


def add_source(
    kind: str, order: SourceOrder, *, by: str, site: str = "", visibility: Visibility = "public", every: float = 0.0
) -> SourceView:
    """Put a source down; it is due at once. ``order`` comes from the kind's ``check``. Raises :class:`SourceRefused` when it is there."""
    if every and every < LEAST_EVERY:
        raise SourceRefused(f"Every {every:g} seconds is too often: {LEAST_EVERY / 60:.0f} minutes are the least.")
    source_id = new_id()

    def add() -> None:
        same = (
            (KnowledgeSource.kind == kind)
            & (KnowledgeSource.address == order.address)
            & (KnowledgeSource.site_id == site)
        )
        if KnowledgeSource.select().where(same).exists():
            raise SourceRefused(
                f"{order.address} is a source already. deskhand knowledge sync {order.address} reads it now."
            )
        KnowledgeSource.insert(
            id=source_id, kind=kind, address=order.address, site_id=site, language=order.language, visibility=visibility,
            options=dict(order.options), every=every, next_at=now(), created_by=by, created_at=now(),
        ).execute()  # fmt: skip
        detail = {"kind": kind, "address": order.address, "site": site, "visibility": visibility, "every": every}
        audit.record(by, "source.add", f"source:{source_id}", detail)

    write(add)
    return find_source(source_id)


def list_sources() -> list[SourceView]:
    """All sources in the order they were added."""

    def load() -> list[SourceView]:
        counts: dict[str, int] = {
            row[0]: int(row[1])
            for row in rows_of(
                Article.select(Article.source, fn.COUNT(Article.id))
                .where(Article.state == "live")
                .group_by(Article.source)
            )
        }
        rows = KnowledgeSource.select().order_by(KnowledgeSource.created_at, KnowledgeSource.id)
        return [_view(row, counts.get(f"{row.kind}:{row.id}", 0)) for row in rows]

    return read(load)


def find_source(wanted: str) -> SourceView:
    """One source by its id, the beginning of its id or its address. Raises :class:`SourceRefused`."""
    sources = list_sources()
    for fits in (
        lambda one: one.id == wanted,
        lambda one: one.address.rstrip("/") == wanted.rstrip("/"),
        lambda one: len(wanted) >= 4 and one.id.replace("-", "").endswith(wanted.replace("-", "")),
    ):
        found = [one for one in sources if fits(one)]
        if len(found) == 1:
            return found[0]
        if found:
            raise SourceRefused(
                f"{wanted} stands for {len(found)} sources. Name one by its id: deskhand knowledge sources shows them."
            )
    raise SourceRefused(f"There is no source {wanted}. deskhand knowledge sources shows them.")


def remove_source(source_id: str, *, by: str) -> int:
    """Take a source and its articles away; returns how many articles were live. Their versions stay and can be restored."""
    view = find_source(source_id)

    def remove() -> int:
        version = next_version()  # first: what another process stores of it at this moment is there, or will never be
        live = (Article.source == view.source) & (Article.state == "live")
        ids = [row[0] for row in rows_of(Article.select(Article.id).where(live))]
        for start in range(0, len(ids), 400):
            retire_rows(ids[start : start + 400], version)
        KnowledgeSource.delete().where(KnowledgeSource.id == view.id).execute()
        audit.record(by, "source.remove", f"source:{view.id}", {"address": view.address, "articles": len(ids)})
        return len(ids)

    return write(remove)


def due_sources() -> list[str]:
    """Ids of sources whose time has come, or whose look was begun and not ended."""
    due = (KnowledgeSource.next_at <= now()) | (KnowledgeSource.state == "running")
    query = KnowledgeSource.select(KnowledgeSource.id).where(due).order_by(KnowledgeSource.next_at)
    return read(lambda: [row[0] for row in rows_of(query)])


def begin(source_id: str) -> bool:
    """Begin the next look unless one is running; True: it was begun here, so that its first places must be put down."""

    def start() -> bool:
        change = KnowledgeSource.update(
            state="running", run=KnowledgeSource.run + 1, done=0, total=0, error="", report={}, started_at=now(), ended_at=None,
            next_at=None,
        )  # fmt: skip
        return bool(change.where((KnowledgeSource.id == source_id) & (KnowledgeSource.state != "running")).execute())

    return write(start)


def hear_of(source_id: str, run: int, places: Sequence[Place], most: int) -> int:
    """Put places down to be read in this look, each once; returns how many were left out because there are ``most`` already."""
    wanted = {place.path: place for place in places}
    mine = SourcePlace.source == source_id
    known = read(lambda: _runs(mine, list(wanted))) if wanted else {}
    fresh = [place for path, place in wanted.items() if known.get(path) != run]
    if not fresh:
        return 0

    def note() -> int:
        query = KnowledgeSource.select().where((KnowledgeSource.id == source_id) & (KnowledgeSource.run == run))
        row = (query if is_sqlite() else query.for_update()).first()
        if row is None:
            return 0
        runs = _runs(mine, [place.path for place in fresh])  # again: another process may have heard of them meanwhile
        unheard = [place for place in fresh if runs.get(place.path) != run]
        room = max(0, most - row.total)
        for place in unheard[:room]:
            if place.path in runs:
                change = SourcePlace.update(hint=dict(place.hint), run=run, state="waiting")
                change.where(mine & (SourcePlace.path == place.path)).execute()
            else:
                SourcePlace.insert(source=source_id, path=place.path, hint=dict(place.hint), run=run).execute()
        taken = min(room, len(unheard))
        KnowledgeSource.update(total=row.total + taken).where(KnowledgeSource.id == source_id).execute()
        return int(len(unheard) - taken)

    return write(note)


def _runs(mine: Any, paths: Sequence[str]) -> dict[str, int]:
    """The look in which each of these places was last heard of."""
    found: dict[str, int] = {}
    for start in range(0, len(paths), 400):
        query = SourcePlace.select(SourcePlace.path, SourcePlace.run).where(
            mine & SourcePlace.path.in_(paths[start : start + 400])
        )
        found.update((row[0], int(row[1])) for row in rows_of(query))
    return found


def hear_again(source_id: str, run: int) -> int:
    """Put the places down that this look has not heard of and that were there before, so that each is asked whether it still is."""

    def note() -> int:
        lost = (SourcePlace.source == source_id) & (SourcePlace.run < run)
        count = SourcePlace.update(run=run, state="waiting", hint={"lost": True}).where(lost).execute()
        if count:
            change = KnowledgeSource.update(total=KnowledgeSource.total + count)
            change.where((KnowledgeSource.id == source_id) & (KnowledgeSource.run == run)).execute()
        return int(count)

    return write(note)


def take_place(source_id: str, run: int) -> Taken | None:
    """Take the next place that waits, or that somebody began to read and did not end; ``None``: nothing is left to take.

    A place whose reader died twice is not tried again in this look.
    """
    mine = (SourcePlace.source == source_id) & (SourcePlace.run == run)

    def take() -> Taken | None:
        stale = (SourcePlace.state == "reading") & (SourcePlace.looked_at < now() - STALE)
        open_ = mine & ((SourcePlace.state == "waiting") | stale)
        row = SourcePlace.select().where(open_).order_by(SourcePlace.id).first()
        if row is None:
            return None
        deadly = row.state == "reading" and row.error == DIED
        change = SourcePlace.update(
            state="failed" if deadly else "reading", looked_at=now(), error=DIED if row.state == "reading" else ""
        )
        # Of two processes that saw the same row one changes it; the other looks again.
        if not change.where((SourcePlace.id == row.id) & open_).execute() or deadly:
            return Taken(0, Place(path=""))
        return Taken(row.id, Place(path=row.path, hint=row.hint), row.note, row.missing)

    while True:
        taken = write(take)
        if taken is None or taken.id:
            return taken


def still_reading(taken: Taken) -> None:
    """Say that a long place is still being read, so that nobody takes it for left."""
    write(
        SourcePlace.update(looked_at=now())
        .where((SourcePlace.id == taken.id) & (SourcePlace.state == "reading"))
        .execute
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How reading one place ended, with what it adds to the report."""

    taken: Taken
    note: Mapping[str, Any] | None = None
    missing: int = 0
    error: str = ""
    problems: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def settle_places(source_id: str, run: int, settled: Sequence[Settled]) -> None:
    """Write down how reading some places ended, and the progress."""

    def settle() -> None:
        done, counts, problems = 0, Counter[str](), list[str]()
        for one in settled:
            values: dict[str, Any] = {"missing": one.missing, "error": one.error, "looked_at": now()}
            values |= {"state": "failed" if one.error else "done"} | (
                {} if one.note is None else {"note": dict(one.note)}
            )
            if SourcePlace.update(values).where((SourcePlace.id == one.taken.id) & (SourcePlace.run == run)).execute():
                done += 1
                counts.update(one.counts)
                problems += one.problems
        change = KnowledgeSource.update(done=KnowledgeSource.done + done)
        change.where((KnowledgeSource.id == source_id) & (KnowledgeSource.run == run)).execute()
        _add(source_id, run, problems, counts)

    if settled:
        write(settle)


def count(source_id: str, run: int, problems: Sequence[str] = (), **counts: int) -> None:
    """Add to the report of a look."""
    if problems or any(counts.values()):
        write(lambda: _add(source_id, run, problems, counts))


def _add(source_id: str, run: int, problems: Sequence[str], counts: Mapping[str, int]) -> None:
    query = KnowledgeSource.select().where((KnowledgeSource.id == source_id) & (KnowledgeSource.run == run))
    row = (query if is_sqlite() else query.for_update()).first()
    if row is None or not (problems or any(counts.values())):
        return
    report = dict(row.report)
    for name, number in counts.items():
        report[name] = int(report.get(name, 0)) + number
    report["problems"] = [*report.get("problems", []), *problems][:SHOWN]
    KnowledgeSource.update(report=report).where(KnowledgeSource.id == source_id).execute()


def open_places(source_id: str, run: int) -> int:
    """How many places of a look are not read yet, those that another process reads now included."""
    mine = (SourcePlace.source == source_id) & (SourcePlace.run == run) & SourcePlace.state.in_(["waiting", "reading"])
    return read(lambda: int(SourcePlace.select().where(mine).count()))


def lost_places(source_id: str, run: int) -> list[str]:
    """Places at which nothing is any more: not heard of in this look, or empty twice."""
    gone = (SourcePlace.run < run) | (SourcePlace.missing >= 2)
    query = SourcePlace.select(SourcePlace.path).where((SourcePlace.source == source_id) & gone)
    return read(lambda: [row[0] for row in rows_of(query)])


def end(source_id: str, run: int, *, error: str = "", forget: Sequence[str] = ()) -> bool:
    """End a look; of two who would one does. ``forget``: places that are no more."""

    def finish() -> bool:
        row = KnowledgeSource.get_or_none((KnowledgeSource.id == source_id) & (KnowledgeSource.run == run))
        if row is None or row.state != "running":
            return False
        next_at = now() + (min(row.every, AGAIN_AFTER) if error else row.every) if row.every else None
        change = KnowledgeSource.update(
            state="failed" if error else "done", error=error, ended_at=now(), next_at=next_at
        )
        if not change.where((KnowledgeSource.id == source_id) & (KnowledgeSource.state == "running")).execute():
            return False
        for start in range(0, len(forget), 400):
            some = SourcePlace.path.in_(list(forget[start : start + 400]))
            SourcePlace.delete().where((SourcePlace.source == source_id) & some).execute()
        return True

    return write(finish)


def ask_for(source_id: str) -> None:
    """Make a source due now."""
    write(lambda: KnowledgeSource.update(next_at=now()).where(KnowledgeSource.id == source_id).execute())


def _view(row: Any, articles: int) -> SourceView:
    report = dict(row.report or {})
    report["problems"] = tuple(report.get("problems", ()))
    names = ("id", "kind", "address", "language", "visibility", "options", "every", "state", "run", "done", "total", "error", "next_at",
             "started_at", "ended_at", "created_by")  # fmt: skip
    return SourceView(
        site=row.site_id,
        report=SourceReport(**report),
        articles=articles,
        **{name: getattr(row, name) for name in names},
    )


def site_id_of(key: str) -> str:
    """The id of the site with this key; empty for an empty key. Raises :class:`SourceRefused`."""
    if not key:
        return ""
    known = site_ids()
    if key not in known:
        raise SourceRefused(f"There is no site {key}. There are: {', '.join(sorted(known)) or 'none'}.")
    return known[key]
