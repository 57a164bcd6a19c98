"""The rules of routing for admins: to be read here, and changed by ``deskhand routing``."""

from __future__ import annotations

from bot import routing_views
from bot.claims import Done
from bot.pages import Page
from bot.workplace.deeds import Command, Deed

TOO_MUCH = "Only the rules are shown here. They are changed with: deskhand routing"


def _show(deed: Deed) -> Done:
    if deed.words:
        return Done("cannot", f"{TOO_MUCH} Nothing was changed.")
    return Done(
        "done", after=lambda: Done("done", page=Page(name="routing", kind="aside", parts=routing_views.parts()))
    )


COMMANDS = {
    "routing": Command(
        run=_show, usage="routing", about="The rules that say where conversations go, and who is asked.", admin=True
    )
}  # fmt: skip
