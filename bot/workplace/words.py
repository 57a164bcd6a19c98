"""Words that agents give to Deskhand: ``/desk queue``, or ``!canned refund`` in a thread."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bot import canned
from bot.claims import Done
from bot.desk_actions import WORDS
from bot.pages import Heading, Part, Words
from bot.workplace import rooms
from bot.workplace.canned import by_shortcut
from bot.workplace.deeds import Command, Deed
from bot.workplace.saying import aside

ANSWERING = "Write to answer the customer. Begin with note: or 🔒, or write !note, to keep it between you."
SHORTCUT = "!shortcut — send the canned reply that is called so; !canned lists them"
NOWHERE = "This works only in the thread of a conversation: write !{word} there. Nothing was changed."


def command(deed: Deed) -> Done:
    """Do what the first word says. Inside a write."""
    word, _, rest = deed.event.text.strip().partition(" ")
    word, known = word.lower(), rooms.commands()
    if word == "":
        return Done("done", after=lambda: _welcome(deed, known))
    if word == "help":
        return aside("words.help", "What Deskhand understands", *help_parts(deed, known))
    found = known.get(word)
    if found is None:
        # In a thread the shortcut of a canned reply is a word, too; with more behind it nobody knows what is meant.
        sent = by_shortcut(deed, word) if deed.conversation_id and not rest.strip() else None
        return sent or Done("cannot", _unknown(deed, word[:40], known))
    if found.admin and not deed.admin:
        return Done("not_allowed", rooms.FORBIDDEN)
    if not found.anywhere and not deed.conversation_id:
        return Done("cannot", NOWHERE.format(word=word))
    return found.run(replace(deed, words=rest.strip()))


def _unknown(deed: Deed, word: str, known: Mapping[str, Command]) -> str:
    """Where agents also write to customers, they are told above all that this did not go there."""
    mine = ["help", *(name for name, one in known.items() if deed.admin or not one.admin)]
    if deed.event.thread:
        known_words = [*WORDS, "note", *mine, *canned.shortcuts(on=True)]
        close = difflib.get_close_matches(word, known_words, n=1, cutoff=0.6)
        meant = f" Did you mean !{close[0]}?" if close else ""
        return f"There is no !{word}.{meant} Nothing was sent to the customer. !help shows what there is."
    if word in WORDS:
        return NOWHERE.format(word=word)
    close = difflib.get_close_matches(word, mine, n=1, cutoff=0.6)
    meant = f" Did you mean /desk {close[0]}?" if close else ""
    return f"There is no command {word}.{meant} Nothing was changed. See: /desk help"


def _welcome(deed: Deed, known: Mapping[str, Command]) -> Done:
    """Who says nothing is told what there is, and what is to be done."""
    from bot.workplace.desk_words import queue_parts

    return aside("words.help", "Deskhand", *queue_parts(deed), *help_parts(deed, known))


def help_parts(deed: Deed, known: Mapping[str, Command] | None = None) -> list[Part]:
    """A line for every word that this agent may use, by where it is used. From the tables of all rooms, so that nothing is missing."""
    known = known or rooms.commands()
    mine = [one for one in known.values() if deed.admin or not one.admin]
    thread = ("In the thread of a conversation", [ANSWERING, *thread_words(mine)])
    anywhere = ("Anywhere", [f"/desk {one.usage} — {one.about}" for one in mine if one.anywhere and not one.admin])
    admins = ("Admins", [f"/desk {one.usage} — {one.about}" for one in mine if one.admin])
    parts: list[Part] = []
    for title, lines in (thread, anywhere, admins) if deed.event.thread else (anywhere, thread, admins):
        if lines:
            parts += [Heading(title), Words("\n".join(lines))]
    return parts


def thread_words(known: Iterable[Command]) -> list[str]:
    """What may be written in a thread: what can be done with its conversation, and what the rooms understand there."""
    lines = [f"!{one.usage} — {one.about}" for one in WORDS.values()]
    return [*lines, *(f"!{one.usage} — {one.about}" for one in known if one.in_thread), SHORTCUT]
