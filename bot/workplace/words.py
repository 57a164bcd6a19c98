"""Words that agents give to Deskhand: ``/desk queue``, or ``!canned refund`` in a thread."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace

from bot.claims import Done
from bot.workplace import rooms
from bot.workplace.deeds import Command, Deed

NOWHERE = "This works only in the thread of a conversation: write !{word} there. Nothing was changed."


def command(deed: Deed) -> Done:
    """Do what the first word says. Inside a write."""
    word, _, rest = deed.event.text.strip().partition(" ")
    word, known = word.lower(), rooms.commands()
    if word in {"", "help"}:
        return Done("done", help_text(deed, known))
    found = known.get(word)
    if found is None:
        close = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
        meant = f" Did you mean {close[0]}?" if close else ""
        return Done("cannot", f"There is no command {word[:40]}.{meant} Nothing was changed. See: /desk help")
    if found.admin and not deed.admin:
        return Done("not_allowed", rooms.FORBIDDEN)
    if not found.anywhere and not deed.conversation_id:
        return Done("cannot", NOWHERE.format(word=word))
    return found.run(replace(deed, words=rest.strip()))


def help_text(deed: Deed, known: Mapping[str, Command] | None = None) -> str:
    """A line for every command that this agent may use."""
    lines = [
        f"/desk {one.usage} — {one.about}"
        for one in (known or rooms.commands()).values()
        if one.anywhere and (deed.admin or not one.admin)
    ]
    return "\n".join(lines)
