"""What customers hear while people have, or should have, their conversation. Pure: facts in, a kind and a sentence out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.opening import Opening, duration, in_words

ASKS_ADDRESS = frozenset({"handoff_no_desk", "handoff_closed", "handoff_away", "offline_form", "ticket_form"})
"""Kinds under which a client shows the form for name and address."""

WAIT_BEGINS = frozenset({"handoff", "handoff_no_desk", "handoff_closed", "handoff_away", "handoff_noted"})
"""Kinds that say that the customer waits from now on."""

People = Literal["here", "away", "closed", "none"]
"""``here``: somebody could come now; ``away``: open, but every agent is away; ``closed``: outside opening hours; ``none``: no desk is
connected, or nobody is linked at one that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known when somebody begins to wait."""

    number: int
    people: People
    opening: Opening
    now: float
    position: int = 0
    expected: float | None = None
    reply: float | None = None
    email: str = ""
    """The address they left before."""
    visitor_zone: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    kind: str
    text: str

    @property
    def asks(self) -> bool:
        """Whether an address is asked for."""
        return self.kind in ASKS_ADDRESS


def waiting(about: Situation, *, asked: bool) -> Words:
    """After a handoff. ``asked``: the customer wanted it; else it is said that it was our idea."""
    if about.people == "here":
        return Words(
            "handoff", f"I have passed this to my colleagues. One of them will answer here. {_place(about)}".rstrip()
        )
    if about.people == "closed":
        kind = "handoff_closed"
        opens = f" and open again {when(about)}" if about.opening.next is not None else ""
        text = f"We are closed right now{opens}. I have noted your request as ticket #{about.number}."
    elif about.people == "away":
        kind = "handoff_away"
        reply = f" An answer usually takes {duration(about.reply)}." if about.reply is not None else ""
        text = (
            f"All my colleagues are away at the moment, so I have noted your request as ticket #{about.number}.{reply}"
        )
    else:
        kind = "handoff_no_desk"
        text = (
            f"Nobody from the team is connected here right now, so I have noted your request as ticket #{about.number}."
        )
    if not asked:
        text = "I would rather let a person answer this. " + text
    if about.email:
        return Words("handoff_noted", f"{text} They will answer to the address you left.")
    return Words(kind, f"{text} Leave your e-mail address and they will answer you there.")


def when(about: Situation) -> str:
    """The next opening."""
    opens = about.opening.next
    return "" if opens is None else in_words(opens, about.now, zone=about.opening.zone, visitor=about.visitor_zone)


def _place(about: Situation) -> str:
    """Only what is true: the place, and how long it usually takes if enough others have waited."""
    words = f"You are number {about.position} in the queue." if about.position > 1 else ""
    if about.expected is not None:
        words += f" It usually takes {duration(about.expected)}."
    return words.strip()


def countdown_over(about: Situation) -> Words:
    """Nobody came in time. The ticket stays open."""
    if about.email:
        return Words(
            "still_waiting",
            f"Nobody could come yet. Ticket #{about.number} stays open: they will answer here or to the address you left.",
        )
    return Words(
        "offline_form",
        f"Nobody could come yet. Ticket #{about.number} stays open. Leave your e-mail address and they will answer you there, or keep"
        " waiting here.",
    )


def back_again(about: Situation) -> Words:
    """The customer wrote again after people had closed it."""
    here = about.people == "here"
    text = f"I have opened ticket #{about.number} again and told my colleagues."
    if here:
        return Words("handoff", f"{text} One of them will answer here. {_place(about)}".rstrip())
    opens = f" We open again {when(about)}." if about.people == "closed" and about.opening.next is not None else ""
    if about.email:
        return Words("handoff_noted", f"{text}{opens} They will answer to the address you left.")
    kind = {"closed": "handoff_closed", "away": "handoff_away"}.get(about.people, "handoff_no_desk")
    return Words(kind, f"{text}{opens} Leave your e-mail address and they will answer you there.")


def ticket(about: Situation) -> Words:
    """A running chat has become a ticket."""
    text = f"This is ticket #{about.number} now, with everything that was said here."
    if about.email:
        return Words("ticket_made", f"{text} They will answer to the address you left; you need not wait.")
    return Words("ticket_form", f"{text} Leave your e-mail address, so that they can answer you when you are away.")
