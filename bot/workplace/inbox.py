"""An agent's inbox: what is theirs, what waits for somebody, and what is done."""

from __future__ import annotations

from collections.abc import Sequence

from bot.pages import Page, Words
from bot.workplace.deeds import Visit

STRANGER = "You are not linked as an agent yet. Write !link in a thread of Deskhand, and an admin links you with the code you get."


def home(visit: Visit) -> Page:
    """The inbox of whoever looks at it."""
    if visit.agent is None:
        return Page(name="inbox", kind="home", parts=(Words(STRANGER),))
    return Page(name="inbox", kind="home", title=visit.agent.public_name)


def open_homes(desk: str) -> Sequence[str]:
    """Ids of the people who have looked at their inbox lately. Inside a read."""
    return ()


PAGES = {"inbox": home}
