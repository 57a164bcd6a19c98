"""What an author writes: the platform (or a desk's surface) as people see it. The kit drives it; the channel is the real one.

All methods may be plain or ``async``. They run in a loop and a thread of the double's own, as a real platform runs elsewhere: a
channel that blocks its loop does not stop the double. An optional method that is not written takes the promises that need it
out of the run, and the checklist says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class Trouble(StrEnum):
    """What the kit asks a double to do wrong."""

    OUTAGE = "outage"
    """Nobody answers at the platform's address (connections are refused) until ``heal``. People go on writing meanwhile."""
    REFUSED = "refused"
    """The next message is refused for good: an unknown chat, a person who blocked us."""
    RATE_LIMITED = "rate_limited"
    """The next message is refused: come again in ``seconds``."""
    LOST_ANSWER = "lost_answer"
    """The next message is shown, but the connection is cut before the answer."""
    BROKEN = "broken"
    """The next message is answered by a fault of the server's own (a 500), and is not shown."""
    SLOW = "slow"
    """The next message is shown, and the answer comes ``seconds`` later."""
    REVOKED = "revoked"
    """The credential is not accepted any more, until ``heal``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One message of ours, as people see it now."""

    id: str
    """The platform's id, unique per place."""
    text: str
    """What people read: markup that the platform draws is drawn."""
    files: tuple[tuple[str, bytes], ...] = ()
    """Name and bytes."""
    buttons: tuple[str, ...] = ()
    """Labels."""
    reactions: tuple[str, ...] = ()
    """Emoji that our side put on it."""


class PlatformDouble:
    """A chat platform. One is made for each test, by the class without arguments."""

    troubles: ClassVar[frozenset[Trouble]] = frozenset(Trouble)
    """What can go wrong there. A platform without credentials has no ``REVOKED``."""
    acknowledges: ClassVar[bool] = True
    """False: the platform is never told that a message was taken."""
    longest: ClassVar[int] = 4_000
    """Characters that a person can write in one message there."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Tokens and keys that no error and no log line may show."""
    on_ack: Callable[[str], None] = staticmethod(lambda message: None)

    # Life ---------------------------------------------------------------------------------------------------------

    def start(self) -> Any:
        """Listen on a loopback port."""
        raise NotImplementedError

    def stop(self) -> Any:
        """Let go of everything."""
        raise NotImplementedError

    def ready(self) -> Any:
        """Whether the channel is connected, if messages of before that moment would be lost. Default: always."""
        return True

    # People -------------------------------------------------------------------------------------------------------

    def place(self, number: int) -> Any:
        """A place (a chat with one person) for each number; returns what the channel calls it in ``Inbound.place``. Names that
        differ in case only are good ones, if the platform has such."""
        raise NotImplementedError

    def write(self, place: str, text: str) -> Any:
        """The place's person writes; returns the message's id (any string that names it here). Works during an outage."""
        raise NotImplementedError

    def again(self, message: str) -> Any:
        """Deliver that message once more, as the platform does when it was not sure that we have it."""
        raise NotImplementedError

    def shown(self, place: str) -> Any:
        """The messages of ours at this place as they are now, a sequence of :class:`Shown` in their order."""
        raise NotImplementedError

    def acknowledged(self, message: str) -> None:
        """*Call this* the moment the channel tells the platform that it has ``message``. The kit looks into the database then."""
        self.on_ack(message)

    # Trouble ------------------------------------------------------------------------------------------------------

    def trouble(self, kind: Trouble, seconds: float = 0.0) -> Any:
        """Make that go wrong, from now or for the next message."""
        raise NotImplementedError

    def heal(self) -> Any:
        """Everything works again at the same address."""
        raise NotImplementedError

    # Optional: people's side --------------------------------------------------------------------------------------

    def oddity(self, place: str) -> Any:
        """Something that no channel knows: a sticker, a poll, an event of next year, plain rubbish."""
        raise NotImplementedError

    def write_file(self, place: str, text: str, name: str, content: bytes) -> Any:
        """The person sends a file with a caption (may be empty); returns the message's id."""
        raise NotImplementedError

    def edit(self, message: str, text: str) -> Any:
        """The person changes their message."""
        raise NotImplementedError

    def delete(self, message: str) -> Any:
        """The person deletes their message."""
        raise NotImplementedError

    def unknown_message(self, shown: str) -> Any:
        """An id of the right form that no message has; ``shown`` is one that a message has."""
        return shown[:-1] + ("8" if shown[-1:] == "9" else "9") if shown else "0"

    def react(self, place: str, shown: str, emoji: str, gone: bool) -> Any:
        """The person puts an emoji on our message with that id, or takes it back."""
        raise NotImplementedError

    def press(self, place: str, shown: str, label: str) -> Any:
        """The person presses a button under our message."""
        raise NotImplementedError

    # Optional: what people see ------------------------------------------------------------------------------------

    def typing(self, place: str) -> Any:
        """How often people saw there that somebody writes."""
        raise NotImplementedError

    def drafts(self, place: str) -> Any:
        """Texts of drafts in the order in which people saw them."""
        raise NotImplementedError


class SurfaceDouble:
    """Where agents work, as they see it. One is made for each test, by the class without arguments."""

    troubles: ClassVar[frozenset[Trouble]] = frozenset(Trouble)
    acknowledges: ClassVar[bool] = True
    longest: ClassVar[int] = 4_000
    secrets: ClassVar[tuple[str, ...]] = ()
    on_ack: Callable[[str], None] = staticmethod(lambda event: None)

    def start(self) -> Any:
        """Listen on a loopback port."""
        raise NotImplementedError

    def stop(self) -> Any:
        """Let go of everything."""
        raise NotImplementedError

    def ready(self) -> Any:
        """Whether the desk is connected, if events of before that moment would be lost. Default: always."""
        return True

    def person(self, number: int) -> Any:
        """A person for each number; returns what the desk calls them in ``DeskEvent.who``."""
        raise NotImplementedError

    def threads(self) -> Any:
        """Ids of the threads that exist, the oldest first."""
        raise NotImplementedError

    def shown(self, thread: str) -> Any:
        """What the app posted into the thread as it is now, the card first: a sequence of :class:`Shown`."""
        raise NotImplementedError

    def reply(self, thread: str, who: str, text: str) -> Any:
        """``who`` writes into the thread; returns the message's id. Works during an outage."""
        raise NotImplementedError

    def again(self, message: str) -> Any:
        """Deliver the event of that message once more, as the platform does when it is not sure that we have it."""
        raise NotImplementedError

    def click(self, thread: str, who: str, action: str) -> Any:
        """``who`` presses the card's button for that :class:`bot.Action`."""
        raise NotImplementedError

    def acknowledged(self, message: str) -> None:
        """*Call this* the moment the desk tells the platform that it has the event of ``message``."""
        self.on_ack(message)

    def trouble(self, kind: Trouble, seconds: float = 0.0) -> Any:
        """Make that go wrong, from now or for the next post."""
        raise NotImplementedError

    def heal(self) -> Any:
        """Everything works again at the same address."""
        raise NotImplementedError

    # Optional -----------------------------------------------------------------------------------------------------

    def edit(self, message: str, text: str) -> Any:
        """The person changes their message."""
        raise NotImplementedError

    def delete(self, message: str) -> Any:
        """The person deletes their message."""
        raise NotImplementedError

    def oddity(self, thread: str) -> Any:
        """Something that no desk knows, or that is none of its business."""
        raise NotImplementedError

    def stranger(self) -> Any:
        """Somebody of another company, or a guest: what the desk calls them in ``DeskEvent.who``."""
        raise NotImplementedError

    def marks(self, message: str) -> Any:
        """What is put on a person's message now: some of ``queued``, ``sent``, ``failed``."""
        raise NotImplementedError

    def reply_file(self, thread: str, who: str, text: str, name: str, content: bytes) -> Any:
        """``who`` sends a file into the thread; returns the message's id."""
        raise NotImplementedError

    def asides(self, who: str) -> Any:
        """Texts that only ``who`` saw."""
        raise NotImplementedError

    def directs(self, who: str) -> Any:
        """Texts of the messages to ``who`` alone."""
        raise NotImplementedError

    def home(self, who: str) -> Any:
        """``who`` opens their inbox: the texts and the labels of buttons in it."""
        raise NotImplementedError

    def press(self, who: str, label: str) -> Any:
        """``who`` presses the button of that label in their inbox, which they have opened before."""
        raise NotImplementedError


def writes(double: type[Any], method: str) -> bool:
    """Whether the author wrote that optional method."""
    for base in (PlatformDouble, SurfaceDouble):
        if issubclass(double, base):
            return getattr(double, method, None) is not getattr(base, method, None)
    return False


def faults(double: type[Any]) -> Sequence[str]:
    """What the kit could not call: methods that every double must have and this one has not, and others that take other arguments."""
    base = PlatformDouble if issubclass(double, PlatformDouble) else SurfaceDouble
    always = ("start", "stop", "write", "again", "shown", "trouble", "heal", "place") if base is PlatformDouble else (
        "start", "stop", "person", "threads", "shown", "reply", "again", "click", "trouble", "heal"
    )  # fmt: skip
    found = [f"it must write {called(base, name)}" for name in always if not writes(double, name)]
    for name in methods(base):
        if writes(double, name) and not _takes(double, name, len(_arguments(base, name))):
            found.append(f"its {name}() must take what the kit gives it, by position: {called(base, name)}")
    return found


def methods(base: type[Any]) -> list[str]:
    """What an author may write of a double."""
    return [name for name, value in vars(base).items() if not name.startswith("_") and inspect.isfunction(value)]


def called(base: type[Any], method: str) -> str:
    """The call as one reads it: ``write(place, text)``."""
    return f"{method}({', '.join(_arguments(base, method))})"


def _arguments(base: type[Any], method: str) -> list[str]:
    return [name for name in inspect.signature(getattr(base, method)).parameters if name != "self"]


def _takes(double: type[Any], method: str, number: int) -> bool:
    written = inspect.getattr_static(double, method)
    itself = () if isinstance(written, (staticmethod, classmethod)) else (None,)
    try:
        inspect.signature(getattr(double, method)).bind(*itself, *range(number))
    except TypeError:
        return False
    return True
