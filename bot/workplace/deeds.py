"""What the rooms of the workplace are handed, and what they hand back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.agents import AgentView
from bot.claims import Done
from bot.desk import DeskEvent
from bot.pages import Page, Wanted

ADMINS = frozenset({"owner", "admin"})


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody looks at a page. ``agent`` is ``None`` for people who are not linked; ``conversation_id`` is empty where there is none."""

    wanted: Wanted
    agent: AgentView | None
    conversation_id: str

    @property
    def admin(self) -> bool:
        """Whether they may change how the house works."""
        return self.agent is not None and self.agent.may_act and self.agent.role in ADMINS


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An agent who may act pressed something or gave a command; of what only looks, any agent. ``words`` is what stands behind a
    command's first word."""

    agent: AgentView
    event: DeskEvent
    conversation_id: str
    words: str = ""

    @property
    def admin(self) -> bool:
        """Whether they may change how the house works."""
        return self.agent.role in ADMINS


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word after ``/desk``, or after ``!`` in a thread (``in_thread``). ``usage`` and ``about`` stand in the help."""

    run: Callable[[Deed], Done]
    usage: str
    about: str
    admin: bool = False
    """Only for owners and admins."""
    in_thread: bool = False
    anywhere: bool = True
    """Also outside of threads."""
    looks: bool = False
    """It only looks something up: also for those who may not act."""
    names: Callable[[str], str] | None = None
    """Which conversation the words behind it name, of whatever thread it is said in; empty: none. Inside a read or write."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a personal post says. ``text`` alone is enough for a message; a page has buttons as well."""

    text: str = ""
    page: Page | None = None
