"""An installation for a moment: what makes the answers of the real one, in a folder of its own that is removed afterwards.

Answer tests ask on the very path of customers, and that path writes: conversations, spending, caches, health. Here it may. Nothing
of it reaches the real database, no Redis is told, nothing is sent. A change that is to be tried (``bot.publishing``) is made here first.

Only in a process that does nothing else at that time: the command line, a test run, a job. The database of the process is another
one inside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bot import accounts, bus, crypto, declarations, jobs, lease, plugin_settings, plugins, store, switches
from bot.articles import knowledge_version, list_articles
from bot.config import config
from bot.first_rows import KNOWLEDGE_SYNC
from bot.knowledge import Found, Question
from bot.leftovers import scratch_folder
from bot.master_key import FILE, NEXT, OLD, SIZE, named, write_file
from bot.plugins import Registry, Snapshot
from bot.store import TABLES, Base

COPIED = (
    "site", "plugin_state", "setting", "data_key", "article", "article_history", "passage", "knowledge_source", "reply_rule",
    "prompt_version", "provider", "model_price",
)  # fmt: skip
"""Tables that make the answers."""
LEFT = (
    "contact", "identity", "visitor", "conversation", "route", "ledger", "turn", "message", "ticket", "delivery", "cursor", "job",
    "breaker", "audit", "slot", "leader", "agent", "agent_identity", "link_code", "desk_thread", "reply", "ticket_event",
    "notification", "notification_post", "notification_preference",
    "mail", "mail_address", "rating", "waited", "stored_file", "carry_code", "contact_merge", "placeholder", "answer_log", "answer_mark",
    "spend", "canned_reply", "canned_use", "cached_answer", "provider_minute", "provider_probe", "source_place", "accepted_answer", "topic",
    "topic_question", "lesson", "routing_rule", "routed", "agent_offer", "agent_turn", "agent_presence", "agent_draft", "service_target",
    "inbox_view", "ticket_tag", "early_reaction",
)  # fmt: skip
"""Tables of people and of what happened: none of their rows is ever copied."""
KNOWLEDGE = ("article", "article_history", "passage", "knowledge_source")
NOT_KEPT = frozenset({"audit.head"})
"""Settings that belong to rows which are not copied."""
KNOWLEDGE_FOLDER = "DESKHAND_KNOWLEDGE_DIR"
BATCH = 500
INDEX_WAIT = 60.0
"""Seconds until the index has what was changed."""
ACTOR = "answer-tests"


class ScratchError(Exception):
    """The answer tests cannot be run here. A sentence for people."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """The installation for a moment, while it is open."""

    folder: Path
    registry: Registry

    def snapshot(self) -> Snapshot:
        return self.registry.fresh()

    def set_plugin(self, name: str, values: Mapping[str, str], *, on: bool | None = None) -> None:
        """Change a plugin's settings here. Raises :class:`bot.plugin_settings.SettingRefused`, KeyError for an unknown one."""
        plugin = self.registry.plugins[name]
        state = switches.load()[1].get(name, switches.Switch())
        changed = plugin_settings.change(plugin, state.stored(), values)
        switches.store_settings(name, state.settings, changed, actor=ACTOR, changed=tuple(values))
        if on is not None:
            switches.switch(name, on, actor=ACTOR)

    def settle(self) -> None:
        """Wait until searches see the articles as they are now. Raises :class:`ScratchError`."""
        wanted = knowledge_version().number
        until = time.monotonic() + INDEX_WAIT
        site = accounts.ensure_default_site()
        while True:
            found = self.snapshot().each("search_knowledge", question=Question(site=site.id, text="shipping"))
            versions = [result.version for _, result in found if isinstance(result, Found) and result.version]
            if not wanted or not found or (versions and max(versions) >= wanted):
                return
            if time.monotonic() > until:
                raise ScratchError(
                    "The index of the articles was not ready within a minute. See: deskhand knowledge sync, deskhand doctor."
                )
            time.sleep(0.05)


@contextlib.contextmanager
def scratch(*, copied: bool = True, knowledge: Path | None = None, vectors: bool = True) -> Iterator[Scratch]:
    """Open one. ``copied``: with what makes the answers of the installation that is open now; else an empty one.

    ``knowledge``: a folder of articles in place of the installation's. ``vectors``: with those of this host, so that questions are
    searched by meaning, too, if the installation does that.

    Raises :class:`ScratchError`, :class:`bot.StoreUnavailable`.
    """
    if lease.owner():
        raise ScratchError("Answer tests need a process of their own, and this one does other work. Run: deskhand eval")
    real = config()
    folder, lock = _folder(real.data if copied else None)
    ours = {
        "DATABASE_URL": f"sqlite:///{folder / 'scratch.sqlite3'}",
        "REDIS_URL": "none",
        "DESKHAND_DATA": str(folder),
        **({KNOWLEDGE_FOLDER: str(knowledge)} if knowledge else {}),
    }
    before = {name: os.environ.get(name) for name in ours}
    ended = _ended_cleanly()
    try:
        _make(
            folder,
            real.data,
            ours["DATABASE_URL"],
            real.database if copied else "",
            articles=knowledge is None,
            vectors=vectors,
        )
        os.environ.update(ours)
        _forget()
        store.open_database(ours["DATABASE_URL"])
        lease.start(ACTOR)
        accounts.ensure_default_site()
        opened = Scratch(folder, plugins.load_plugins("cli"))
        if knowledge is not None or not list_articles():
            _read_folder(opened, knowledge)
        else:
            opened.settle()  # this host's index may be behind
        yield opened
    finally:
        _settle_threads()
        with contextlib.suppress(store.StoreUnavailable):
            lease.stop()
        plugins.forget_plugins()
        store.close_database()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _forget()
        if copied:
            store.open_database(real.database)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        ended()


def _ended_cleanly() -> Callable[[], None]:
    """Being ended by the system unwinds from here on, so that no copy of the keys stays; returns what takes that back."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    wanted = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in wanted:
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))

    def back() -> None:
        for number in wanted:
            signal.signal(number, signal.SIG_DFL)

    return back


def _folder(beside: Path | None) -> tuple[Path, int]:
    """A private folder: in the data folder when it holds copies of what is there, so that they stay on the same disk."""
    try:
        return scratch_folder(beside)
    except OSError as error:
        raise ScratchError(
            f"{beside} cannot be written ({error.strerror}). The answer tests need room there for a moment."
        ) from None


def _forget() -> None:
    """What the process remembers of another installation."""
    plugins.forget_plugins()
    config.cache_clear()
    bus.reset_bus()
    for forget in (accounts.forget_sites, crypto.forget_keys, declarations.forget_declarations):
        forget()


def _make(folder: Path, data: Path, url: str, real: str, *, articles: bool, vectors: bool) -> None:
    """The database with the copied rows, the master key, and the index that fits them."""
    store.close_database()
    store.open_database(url)
    store.migrate()
    store.close_database()
    for name in (FILE, NEXT, OLD) if real else ():
        _link(data / name, folder / name)
    if not (folder / FILE).exists():
        write_file(folder / FILE, named(os.urandom(SIZE)))  # what is sealed with it goes with the folder
    if not real:
        return
    if articles and (data / "index").is_dir():
        (folder / "index").mkdir()
        for path in (data / "index").glob("*.sqlite3"):
            target = folder / "index" / path.name
            # An index is finished when it gets its name; vectors are added to their file while it is used.
            if path.name.startswith("knowledge-"):
                _link(path, target)
            elif vectors:
                _copied(path, target)
    store.open_database(real)
    copy = sqlite3.connect(folder / "scratch.sqlite3")
    try:
        for table in COPIED:
            if articles or table not in KNOWLEDGE:
                _copy(copy, table)
        for key in NOT_KEPT if articles else NOT_KEPT | {"knowledge.version"}:
            copy.execute("DELETE FROM setting WHERE key = ?", (key,))
        copy.commit()
    finally:
        copy.close()
        store.close_database()


def _link(path: Path, target: Path) -> None:
    """A second name for a file that is never written in place."""
    if path.is_file():
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
            target.chmod(0o600)


def _copied(path: Path, target: Path) -> None:
    """A copy of a file that others write to at this moment; without it the search is by words alone."""
    try:
        source, copy = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True), sqlite3.connect(target)
    except sqlite3.Error:
        return
    with contextlib.suppress(sqlite3.Error), contextlib.closing(source), contextlib.closing(copy):
        source.backup(copy)


def _copy(copy: sqlite3.Connection, table: str) -> None:
    model = _models()[table]
    columns = [field.column_name for field in model._meta.sorted_fields]  # type: ignore[attr-defined]
    names = ", ".join(f'"{column}"' for column in columns)
    into = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' for _ in columns)})"  # noqa: S608  names of our own models

    def rows() -> None:
        cursor = store.sql(f"SELECT {names} FROM {table}")  # noqa: S608
        while batch := cursor.fetchmany(BATCH):
            copy.executemany(into, [[_plain(value) for value in row] for row in batch])

    store.read(rows)


def _plain(value: Any) -> Any:
    """As SQLite keeps it: PostgreSQL's driver gives JSON as what it means."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _models() -> dict[str, type[Base]]:
    return {model._meta.table_name: model for model in TABLES}  # type: ignore[attr-defined]


def undecided() -> set[str]:
    """Tables of which nobody has said yet whether they make the answers. Empty; a test looks."""
    return set(_models()) - set(COPIED) - set(LEFT)


def _read_folder(opened: Scratch, folder: Path | None) -> None:
    """Have the articles of ``folder`` (or of the sample shop) read, by the plugin that reads folders."""
    if folder is not None:
        for name, field in _fields(opened.registry):
            opened.set_plugin(name, {field: str(folder)})
    for _plugin, specs in opened.snapshot().each("jobs"):
        for spec in specs:
            if spec.kind == KNOWLEDGE_SYNC:
                with contextlib.suppress(jobs.Again):
                    spec.run("")
    opened.settle()


def _fields(registry: Registry) -> Iterable[tuple[str, str]]:
    """Plugins and their settings that name the folder of articles."""
    return [
        (plugin.name, name)
        for plugin in registry.plugins.values()
        for name, field in plugin.schema.model_fields.items()
        if plugin_settings.environment_name(field) == KNOWLEDGE_FOLDER
    ]


def _settle_threads() -> None:
    """Threads that still look for news must not find the database gone in the middle of it."""
    until = time.monotonic() + 5
    for thread in threading.enumerate():
        if thread.daemon and thread.name.startswith("knowledge") and thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
