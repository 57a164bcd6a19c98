"""What customers hear while people have, or should have, their conversation. Pure: facts in, a kind and a sentence out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.customer_words import in_language
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
    language: str = ""
    """The customer's."""

    def say(self, sentence: str, **values: object) -> str:
        """A sentence in the customer's language."""
        return in_language(self.language, sentence, **values)


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
    say, number = about.say, about.number
    if about.people == "here":
        passed = say("I have passed this to my colleagues. One of them will answer here.")
        return Words("handoff", f"{passed} {_place(about)}".rstrip())
    if about.people == "closed":
        kind = "handoff_closed"
        closed = "We are closed right now and open again {when}." if when(about) else "We are closed right now."
        text = f"{say(closed, when=when(about))} {say('I have noted your request as ticket #{number}.', number=number)}"
    elif about.people == "away":
        kind = "handoff_away"
        text = say(
            "All my colleagues are away at the moment, so I have noted your request as ticket #{number}.", number=number
        )
        if about.reply is not None:
            text += " " + say("An answer usually takes {time}.", time=duration(about.reply, about.language))
    else:
        kind = "handoff_no_desk"
        text = say(
            "Nobody from the team is connected here right now, so I have noted your request as ticket #{number}.",
            number=number,
        )
    if not asked:
        text = f"{say('I would rather let a person answer this.')} {text}"
    if about.email:
        return Words("handoff_noted", f"{text} {say('They will answer to the address you left.')}")
    return Words(kind, f"{text} {say('Leave your e-mail address and they will answer you there.')}")


def when(about: Situation) -> str:
    """The next opening; empty if nobody knows it."""
    opens = about.opening.next
    if opens is None:
        return ""
    return in_words(opens, about.now, zone=about.opening.zone, visitor=about.visitor_zone, language=about.language)


def _place(about: Situation) -> str:
    """Only what is true: the place, and how long it usually takes if enough others have waited."""
    words = about.say("You are number {position} in the queue.", position=about.position) if about.position > 1 else ""
    if about.expected is not None:
        words += " " + about.say("It usually takes {time}.", time=duration(about.expected, about.language))
    return words.strip()


def countdown_over(about: Situation) -> Words:
    """Nobody came in time. The ticket stays open."""
    if about.email:
        return Words(
            "still_waiting",
            about.say(
                "Nobody could come yet. Ticket #{number} stays open: they will answer here or to the address you left.",
                number=about.number,
            ),
        )
    return Words(
        "offline_form",
        about.say(
            "Nobody could come yet. Ticket #{number} stays open. Leave your e-mail address and they will answer you there, or keep waiting"
            " here.",
            number=about.number,
        ),
    )


def back_again(about: Situation) -> Words:
    """The customer wrote again after people had closed it."""
    say = about.say
    text = say("I have opened ticket #{number} again and told my colleagues.", number=about.number)
    if about.people == "here":
        return Words("handoff", f"{text} {say('One of them will answer here.')} {_place(about)}".rstrip())
    if about.people == "closed" and when(about):
        text += " " + say("We open again {when}.", when=when(about))
    if about.email:
        return Words("handoff_noted", f"{text} {say('They will answer to the address you left.')}")
    kind = {"closed": "handoff_closed", "away": "handoff_away"}.get(about.people, "handoff_no_desk")
    return Words(kind, f"{text} {say('Leave your e-mail address and they will answer you there.')}")


def ticket(about: Situation) -> Words:
    """A running chat has become a ticket."""
    text = about.say("This is ticket #{number} now, with everything that was said here.", number=about.number)
    if about.email:
        return Words(
            "ticket_made", f"{text} {about.say('They will answer to the address you left; you need not wait.')}"
        )
    return Words(
        "ticket_form",
        f"{text} {about.say('Leave your e-mail address, so that they can answer you when you are away.')}",
    )
