"""The channel contract: where customers write. One class to subclass, two methods to write.

Raise :class:`TemporaryFailure`, :class:`PermanentFailure`, :class:`ChannelDown` or :class:`Uncertain` from ``send``; anything else
counts as :class:`Uncertain`, because only the channel can know that no byte left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal, Protocol, get_args

from bot.messages import Draft, Inbound, Outbound, Receipt, Refused, Sent


class Capability(StrEnum):
    """What a channel can do beyond text. The core asks for these and never for a channel's name."""

    PULL = "pull"
    """Clients read the conversation by cursor: no delivery rows are made."""
    EDIT = "edit"
    """``send`` with ``op="edit"`` changes a message that was sent before."""
    DELETE = "delete"
    REACTIONS = "reactions"
    """``send`` with ``op="react"``: ``text`` is the emoji, empty takes ours back."""
    FILES = "files"
    """``send`` with ``out.files``, within ``limits.max_file_bytes``."""
    BUTTONS = "buttons"
    TYPING = "typing"
    """``typing()`` shows for a few seconds that somebody writes."""
    DRAFT = "draft"
    """``draft()`` shows an answer while it is written."""


class Resend(StrEnum):
    """How a send whose outcome is unknown is settled."""

    NATIVE = "native"
    """Sending again is harmless: the platform keeps one."""
    NONCE = "nonce"
    """The platform drops a second send with the same key for about two minutes."""
    READBACK = "readback"
    """``find(key)`` can tell whether it arrived."""
    STABLE_ID = "stable_id"
    """The receiver collapses equal ids (e-mail, webhooks)."""
    NONE = "none"
    """Nobody can tell. The setting ``uncertain`` of the channel decides: ``resend`` or ``hold``."""


Unit = Literal["chars", "utf16", "bytes"]
"""In what a platform counts texts: characters, UTF-16 units, bytes of UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The platform's limits. The core splits texts; a channel never does."""

    max_text: int = 4_000
    unit: Unit = "chars"
    max_file_bytes: int = 10_000_000
    """Larger files are not sent (people get a link), and should not be fetched: see ``Attachment.problem``."""
    draft_every: float = 1.0
    """Seconds between two drafts to one place, at least."""
    timeout: float = 15.0
    """Seconds after which ``send`` must have raised. The outcome is looked up no earlier than 10 s later."""

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit):
            raise ValueError(f"Limits.unit is {self.unit!r}; texts are counted in {', '.join(get_args(Unit))}.")


class DeliveryFailure(Exception):
    """Base of what ``send`` may raise. The text goes to logs and to agents: never a token in it."""


class TemporaryFailure(DeliveryFailure):
    """Certainly not sent; try again, after ``retry_after`` seconds if the platform said so (then it is not counted)."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class PermanentFailure(DeliveryFailure):
    """Certainly not sent, and never will be: blocked, unknown chat, refused content."""


class ChannelDown(DeliveryFailure):
    """Certainly not sent, and nothing will be until an admin acts: a revoked token, a missing scope or intent. Also from ``listen``.

    The text is for the admin: what is wrong and what to do, such as "Telegram refuses the bot's token; make a new one with
    @BotFather and set TELEGRAM_BOT_TOKEN". Deliveries keep waiting, the channel pauses and is tried again with one delivery now
    and then; changed settings start it anew.
    """


class Uncertain(DeliveryFailure):
    """Perhaps sent: a timeout, a reset or a 5xx after the first byte."""


class Inbox(Protocol):
    """The one way in, handed to ``listen``."""

    def receive(self, *events: Inbound) -> Awaitable[Sequence[Receipt | Refused]]:
        """Return after the commit. Only then acknowledge the platform."""
        ...

    def cursor(self) -> Awaitable[str]:
        """This channel's stored position, empty at first."""
        ...

    def save_cursor(self, value: str) -> Awaitable[None]: ...

    def change_cursor(self, change: Callable[[str], str]) -> Awaitable[str]:
        """Store what ``change`` makes of the stored position, and return it. For a position that several processes write: it runs
        in the transaction, perhaps more than once, so it only computes."""
        ...


class Channel:
    """Where customers write. Instances are made once per process and per settings version."""

    name: ClassVar[str] = ""
    where: ClassVar[str] = ""
    """How people call it in a sentence, such as ``in Telegram``; empty: made from the name."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    limits: ClassVar[Limits] = Limits()
    resend: ClassVar[Resend] = Resend.NONE
    uncertain: Literal["resend", "hold"] = "resend"
    """Of ``Resend.NONE``: send again what may have arrived, or hold it for an operator (``deskhand deadletters``). Set it from the
    plugin's settings."""

    async def listen(self, inbox: Inbox) -> None:
        """Bring customers' messages in until cancelled. Returning or raising means trouble: it is started again, later and later."""
        return None

    async def send(self, out: Outbound) -> Sent:
        """Send, edit or delete as ``out.op`` says."""
        raise PermanentFailure(f"{self.name} cannot send")

    async def find(self, key: str, place: str) -> Sent | None:
        """Tell whether the delivery ``key`` arrived at ``place``. Only for ``Resend.READBACK``."""
        raise NotImplementedError(f"{self.name} declares READBACK and must write find()")

    def repeatable(self, out: Outbound) -> bool:
        """Whether sending ``out`` again can show nothing twice, because it would only change a message that is there, such as an
        answer that was shown while it was written. Then ``uncertain`` does not hold it. No I/O; may be called from any thread.
        """
        return False

    def start_link(self, code: str) -> str:
        """A link that opens this channel and brings ``code`` back as ``Inbound(kind="continue", text=code)``, such as
        ``https://t.me/shop_bot?start=CODE``; empty if there is none. No I/O: what is not known yet (the bot's name) gives none.
        """
        return ""

    async def typing(self, place: str) -> None:
        """Show for a few seconds that somebody writes; called again while it lasts. Only for ``TYPING``. May fail freely."""

    async def draft(self, draft: Draft) -> None:
        """Show an answer so far, whole each time. Only for ``DRAFT``. May fail freely: ``send`` brings the answer in any case."""

    async def close(self) -> None:
        """Let go of connections. Called once, after the last send."""


ChannelFactory = Callable[[], Channel]
