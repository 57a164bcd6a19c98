"""Which room a page, a press, a command or a personal post belongs to. Rooms are loaded when they are first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import structlog

from bot import agents
from bot.claims import Done
from bot.desk import DeskEvent
from bot.pages import Option, Page, Wanted, Words
from bot.store import read, sql
from bot.workplace.deeds import Command, Deed, Said, Visit

log = structlog.get_logger("workplace")

ROOMS = ("inbox", "desk_words", "admin_words", "ticket", "notify", "targets", "routing", "drafts", "canned")
"""Modules of this package. A name of a page or a press begins with its room: ``inbox.tab``."""
UNKNOWN = "This is not known any more: the page is older than this Deskhand. Nothing was changed; open it again."
FORBIDDEN = "Only admins of Deskhand may do this. Nothing was changed."


def page(wanted: Wanted) -> Page:
    """The page as it is now for whoever wants it. Blocks."""
    made = read(lambda: _page(wanted))
    opened = _find("OPENED", wanted.name)
    if opened is not None:
        opened(wanted)
    return made


def _page(wanted: Wanted) -> Page:
    make = _find("PAGES", wanted.name)
    if make is None:
        log.warning("page_unknown", page=wanted.name, desk=wanted.desk)
        return Page(name=wanted.name, kind="aside", parts=(Words(UNKNOWN),))
    made: Page = make(_visit(wanted))
    return made


def options(wanted: Wanted, query: str) -> Sequence[Option]:
    """What can be chosen there for what was typed. Blocks."""

    def work() -> Sequence[Option]:
        find = _find("OPTIONS", f"{wanted.name}/{wanted.value}")
        found: Sequence[Option] = find(_visit(wanted), query)[:100] if find is not None else ()
        return found

    return read(work)


def _visit(wanted: Wanted) -> Visit:
    agent = agents.agent_at(wanted.desk, wanted.who) if wanted.trusted else None
    return Visit(wanted, agent, wanted.conversation_id or conversation_of(wanted.desk, wanted.place, wanted.thread))


def conversation_of(desk: str, place: str, thread: str) -> str:
    """Whose thread it is; empty: nobody's. Inside a read or write."""
    row = sql(
        "SELECT conversation_id FROM desk_thread WHERE desk = ? AND place = ? AND thread = ?", (desk, place, thread)
    ).fetchone()
    return str(row[0]) if row and thread else ""


def only_looks(event: DeskEvent) -> bool:
    """Whether it changes nothing but what its person sees: then those who may not act may do it, too."""
    if event.kind == "command":
        word = event.text.strip().partition(" ")[0].lower()
        found = commands().get(word)
        return word in {"", "help"} or (found is not None and found.looks)
    return _find("LOOKS", event.what) is not None


def named(event: DeskEvent) -> str:
    """Whose ticket a command names: it may be another than the thread's. Empty: nobody's. Inside a read or write."""
    word, _, words = event.text.strip().partition(" ")
    found = commands().get(word.lower()) if event.kind == "command" else None
    return found.names(words.strip()) if found is not None and found.names is not None else ""


def take(deed: Deed) -> Done:
    """Do what was pressed, or what the words say. Inside a write."""
    if deed.event.kind == "command":
        from bot.workplace.words import command

        return command(deed)
    do = _find("PRESSES", deed.event.what)
    if do is None:
        log.warning("press_unknown", what=deed.event.what, desk=deed.event.desk)
        return Done("stale", UNKNOWN)
    done: Done = do(deed)
    return done


def commands() -> Mapping[str, Command]:
    """Every word of every room, in the order of the rooms."""
    found: dict[str, Command] = {}
    for room in ROOMS:
        found |= _table(room, "COMMANDS")
    return found


def said(kind: str, ref: str) -> Said | None:
    """What a personal post says now; ``None``: nothing any more. Inside a write."""
    make = _find("POSTS", kind)
    found: Said | None = make(ref) if make is not None else None
    return found


def ended(kind: str, ref: str, outcome: str, reason: str) -> None:
    """A personal post was ``sent``, failed for good (``dead``), or nobody can tell (``held``). Inside a write."""
    tell = _find("ENDED", kind)
    if tell is not None:
        tell(ref, outcome, reason)


def homes(desk: str) -> Sequence[str]:
    """Ids of the people at a desk whose inbox may be open. Blocks."""
    from bot.workplace.inbox import open_homes

    return read(lambda: open_homes(desk))


def _find(table: str, name: str) -> Callable[..., Any] | None:
    room = name.partition(".")[0]
    return _table(room, table).get(name) if room in ROOMS else None


@cache
def _table(room: str, table: str) -> dict[str, Any]:
    return dict(getattr(import_module(f"bot.workplace.{room}"), table, {}))
