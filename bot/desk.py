"""The desk contract: where agents work. A desk shows what the core tells it, and brings back what agents do.

A desk decides nothing: who may act, what a button means now and who wins a race is decided by the core from the database,
never from what a button carried. ``post`` raises the same failures as a channel's ``send``. No I/O here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal, Protocol

from bot.channel import Limits, PermanentFailure, Resend
from bot.desk_actions import Action
from bot.messages import Attachment, Author, Source, State
from bot.pages import Option, Page, Wanted

Presence = Literal["here", "away", "quiet"]


EVERYBODY = "*"
"""In :attr:`DeskPost.mention`: everybody in the place. Only where an admin has allowed it."""


class DeskCapability(StrEnum):
    """What a desk can do beyond cards and text."""

    EDIT = "edit"
    """A posted message can be changed."""
    DELETE = "delete"
    MARKS = "marks"
    """⏳ ✅ ⚠️ can be put on an agent's own message."""
    FILES = "files"
    """Files can be posted into threads, within ``limits.max_file_bytes``."""
    REACTIONS = "reactions"
    """A customer's reaction can be put on the message it belongs to; other desks get a line in the thread."""
    ASIDE = "aside"
    """Words that only one agent sees."""
    PAGES = "pages"
    """An inbox for each agent, forms and asides made from :class:`bot.Page`."""
    DIRECT = "direct"
    """A message to one agent alone, which stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message of the transcript."""

    author: Author
    name: str
    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The head of a thread, as it should look now. A newer ``version`` replaces an older one."""

    conversation_id: str
    ticket: int
    version: int
    state: State
    customer: str
    """Name, or a friendly stand-in. Foreign text: encode it for the desk."""
    email: str = ""
    verified: bool = False
    language: str = ""
    site: str = ""
    channel: str = ""
    reason: str = ""
    summary: str = ""
    summary_by: Literal["", "ai", "extract", "agent"] = ""
    subject: str = ""
    """What an agent calls it. Foreign text, like the summary."""
    confidence: float | None = None
    page_url: str = ""
    waiting_since: float | None = None
    due: float | None = None
    """When the first reply is due, or else the solution."""
    overdue: Literal["", "reply", "solution"] = ""
    """What did not come in time, and is still awaited; since when."""
    overdue_since: float | None = None
    assignee: str = ""
    last_agent: str = ""
    offered: str = ""
    """Who was asked to take it, while it waits."""
    resolved_by: str = ""
    outcome: str = ""
    snoozed_until: float | None = None
    priority: Literal["low", "normal", "high", "urgent"] = "normal"
    rating: int | None = None
    tags: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    """What may be done now, the most obvious first."""
    lines: tuple[Line, ...] = ()
    """The last messages, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPost:
    """One delivery to a desk. ``key`` is the same on every attempt.

    ``card`` opens the thread when ``subject`` is empty, else replaces the card with that id. ``message`` and ``event`` go into
    the thread, ``edit`` and ``delete`` change what ``subject`` names, ``mark`` puts ``mark`` on the agent's message ``subject``,
    ``react`` puts the emoji ``text`` on it (empty: takes it off). ``aside`` shows ``page`` in the thread to ``person`` alone, and
    may be shown twice or vanish: it is never the only place of what it says. ``direct`` is a message to ``person`` alone, once.
    """

    key: str
    op: Literal["card", "message", "event", "edit", "delete", "mark", "react", "aside", "direct"]
    place: str
    """Where threads of this desk are opened: a channel of Slack. Of a ``direct`` the person, so that it can be found again there."""
    thread: str = ""
    """The thread; empty only for the first card, and for an ``event`` that is a notice to all who work here."""
    subject: str = ""
    card: Card | None = None
    text: str = ""
    """Plain text from customers, a small Markdown from the AI. Foreign text: encode it for the desk."""
    author: Author = "customer"
    author_name: str = ""
    picture: str = ""
    sources: tuple[Source, ...] = ()
    mark: Literal["", "queued", "sent", "failed"] = ""
    first: bool = False
    """Of a ``mark``: nothing was ever put on this message, so there is nothing to be taken away."""
    files: tuple[Attachment, ...] = ()
    """Only for desks with ``FILES``, at most one: every file is a post of its own. Other desks get links in ``text``."""
    lines: tuple[Line, ...] = ()
    """Only for the ``event`` that opens a thread: what was said before, oldest first, each with its speaker; ``system`` lines are our
    own remarks. ``text`` says the same in plain words. A desk that cannot show all of it drops the oldest and says so."""
    actions: tuple[Action, ...] = ()
    """Only for ``event``: what can be done about it, as buttons that carry ``value`` and, with them, the thread."""
    value: str = ""
    person: str = ""
    """For ``aside`` and ``direct``: the desk's id of the agent, as in :attr:`DeskEvent.who`."""
    page: Page | None = None
    """Says all that is to be said; ``text`` is then the same in words, for notifications and for desks without pages."""
    mention: tuple[str, ...] = ()
    """Of an ``event``: ids of agents who are to be alerted, or :data:`EVERYBODY`."""
    attempt: int = 1
    first_sent_at: float | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """The desk took it. ``id`` is the message's id there; ``thread`` the thread it is in (the first card: its own id)."""

    id: str
    thread: str
    link: str = ""
    """Of a card: the address that opens the thread in the desk's own app. Empty: there is none, or it is not known now."""


class ThreadGone(PermanentFailure):
    """Certainly not posted, because the thread is not there any more (somebody deleted it, or its channel cannot be used). A new
    one is opened where new threads are opened now, with what was said so far.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskEvent:
    """What somebody did at a desk. ``key`` is its natural identity, unique for ever and equal on every redelivery."""

    desk: str
    key: str
    kind: Literal["reply", "edit", "delete", "action", "note", "reaction", "left", "press", "command"]
    """``note``: an internal note by a button, whatever its text begins with; ``reaction``: the emoji ``text`` on the desk's message
    ``message``, taken back when ``gone``. ``left``: the account of ``who`` was ended; nothing else is needed. ``press``: the deed
    ``what`` of a page, with ``fields`` if a form was sent. ``command``: the words ``text`` were given to Deskhand, in ``thread`` or
    anywhere."""
    who: str
    """The desk's id of the person, with its team: ``T1:U1``. Empty for a delete of which only the absence was seen."""
    who_name: str = ""
    trusted: bool = True
    """False for guests and people of other companies: they are never agents."""
    place: str = ""
    thread: str = ""
    """Which thread; empty when the event names a conversation instead."""
    conversation_id: str = ""
    message: str = ""
    """The desk's id of the agent's message (reply, edit, delete)."""
    text: str = ""
    """Readable text: mentions, links and emoji of the desk made plain."""
    files: tuple[Attachment, ...] = ()
    """Only for ``reply``: with their bytes, fetched before (or with the reason why they could not be)."""
    gone: bool = False
    action: Action | None = None
    """Of an ``edit``: the text became a command. It is not done, and not shown to the customer."""
    value: str = ""
    what: str = ""
    page: str = ""
    """Of a ``press``: the name of the page that it was on."""
    page_value: str = ""
    """The ``value`` of that page. ``value`` is what the button or menu carried, else what was chosen, else this."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What was filled in, by name; several values with commas between them."""
    at: float = 0.0
    mentions: tuple[str, ...] = ()
    """Of a ``reply``, ``note`` or ``edit``: the desk's ids of the people whom it names. Agents among them are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskAnswer:
    """What became of a :class:`DeskEvent`. ``aside`` is a sentence for the person who did it, empty when none is needed. An event that was
    ``unknown_thread`` or ``invalid`` is not remembered: told again, it is judged anew."""

    key: str
    code: Literal[
        "sent", "held", "note", "done", "ignored", "duplicate", "not_linked", "not_allowed", "not_claimed", "stale", "resolved",
        "empty", "unknown_thread", "cannot", "invalid",
    ]  # fmt: skip
    aside: str = ""
    offer: tuple[Action, ...] = ()
    """Buttons under the sentence, such as undo."""
    value: str = ""
    """What the offered buttons carry."""
    page: Page | None = None
    """To be shown to the person: a ``form`` in place of the one they see, an ``aside`` where they are. An ``aside`` says it all:
    the sentence of the same name is then the same in words, for desks without pages."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """With ``invalid``: what is wrong with the form, by the name of the field. Nothing was done, the form stays."""


class DeskInbox(Protocol):
    """The way in, handed to ``listen``."""

    def receive(self, *events: DeskEvent) -> Awaitable[Sequence[DeskAnswer]]:
        """Return after the commit; only then acknowledge the platform."""
        ...

    def threads(self) -> Awaitable[Sequence[OpenThread]]:
        """Threads of open tickets, to catch up with after an outage."""
        ...

    def late_threads(self) -> Awaitable[Sequence[OpenThread]]:
        """Threads in which somebody wrote before it was known whose they are, because the answer to the card's post was late or lost: what
        was said there was answered ``unknown_thread``. To be asked for every second or so, and read as after an outage; each is named
        until it is :meth:`caught_up`."""
        ...

    def caught_up(self, thread: OpenThread) -> Awaitable[None]:
        """Say that a late thread was read."""
        ...

    def page(self, wanted: Wanted) -> Awaitable[Page]:
        """What somebody sees there now. For desks with ``PAGES``."""
        ...

    def options(self, wanted: Wanted, query: str) -> Awaitable[Sequence[Option]]:
        """Up to 100 options of a choice with ``search`` on the page ``wanted.name``; ``wanted.value`` is the choice's name."""
        ...

    def homes(self) -> Awaitable[Sequence[str]]:
        """Ids of the people whose inbox may be open: it is to be shown anew when it has changed."""
        ...

    def agents(self) -> Awaitable[Sequence[str]]:
        """Ids of the agents here. Who is there is told of them alone."""
        ...

    def people(self, states: Mapping[str, Presence]) -> Awaitable[None]:
        """Say which agents are there now, by id: ``here``, ``away``, or ``quiet`` (they do not want to be disturbed). Optional; to be
        said again every minute or so, because it is forgotten after a while."""
        ...

    def connected(self, yes: bool) -> Awaitable[None]:
        """Say whether agents can be reached now: customers are told accordingly."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenThread:
    """A thread that may have news. ``known`` are the desk's ids of the agents' messages we have, with the text we know."""

    place: str
    thread: str
    conversation_id: str
    known: dict[str, str] = field(default_factory=dict)
    since: float = 0.0


class Desk:
    """Where agents work. Instances are made once per process and per settings version."""

    name: ClassVar[str] = ""
    capabilities: ClassVar[frozenset[DeskCapability]] = frozenset()
    limits: ClassVar[Limits] = Limits()
    resend: ClassVar[Resend] = Resend.NONE
    place: str = ""
    """Where new threads are opened."""

    async def listen(self, inbox: DeskInbox) -> None:
        """Bring in what agents do until cancelled. Returning or raising means trouble: it is started again, later and later."""

    async def post(self, post: DeskPost) -> Posted:
        """Do what ``post.op`` says. Raises TemporaryFailure, PermanentFailure, ThreadGone, ChannelDown or Uncertain."""
        raise NotImplementedError

    async def find(self, key: str, place: str, thread: str) -> Posted | None:
        """Tell whether the delivery ``key`` arrived. Only for ``Resend.READBACK``."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of connections."""
