"""Targets and due times: the reminder that one agent gets, and the word that tells what is promised."""

from __future__ import annotations

from typing import Any

import orjson

from bot import service_posts
from bot.agents import agent_named
from bot.claims import Done
from bot.pages import Page, Press, Presses, Words
from bot.service_levels import REMINDER
from bot.service_targets import KINDS, PRIORITIES, in_short, policy, target
from bot.store import sql
from bot.workplace.deeds import Command, Deed, Said


def reminder(ref: str) -> Said | None:
    """That a ticket is due soon, for who has it; ``None``: it is done, moved, or somebody else's."""
    about: dict[str, Any] = orjson.loads(ref)
    found = service_posts.still(about["conversation"], about["kind"], "before", about["due"])
    if found is None:
        return None
    agent = agent_named(found[0].assignee) if found[0].assignee else None
    if agent is None or agent.id != about.get("agent", agent.id):
        return None
    words = service_posts.words(*found, "before", number=True)
    row = sql(
        "SELECT link FROM desk_thread WHERE conversation_id = ? AND link <> '' ORDER BY desk LIMIT 1",
        (about["conversation"],),
    ).fetchone()
    if row is None:
        return Said(words)
    parts = (Words(words), Presses((Press(label="Open thread", url=row[0]),)))
    return Said(words, Page(name="targets.reminder", kind="aside", parts=parts))


def show(deed: Deed) -> Done:
    """What is promised, for the site of the thread or for all."""
    row = sql("SELECT site_id FROM conversation WHERE id = ?", (deed.conversation_id,)).fetchone()
    site_id = row[0] if row else ""
    lines = []
    for priority in reversed(PRIORITIES):
        first, solved = (in_short(target(site_id, priority, kind).seconds) for kind in KINDS)
        lines.append(f"{priority}: first reply {first}, solution {solved}")
    rules = policy()
    lines.append(f"In opening hours. Reminder: {rules.remind}. When overdue: {rules.escalate}.")
    return Done("done", "\n".join(lines))


POSTS = {REMINDER: reminder}
COMMANDS = {
    "targets": Command(
        run=show, usage="targets", about="how soon customers should hear from us, by priority", in_thread=True
    )
}
