"""What plugins are told about a turn and about background work. Frozen data, no I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from bot.knowledge import Passage
from bot.messages import Source

Priority = Literal["low", "normal", "high", "urgent"]
"""How much a ticket presses. Rules and agents set it."""


class Reason(StrEnum):
    """Why people have a conversation. Stored with the ticket as it is here; :attr:`words` are for people."""

    ASKED = "asked"
    KEYWORD = "keyword"
    LOW_CONFIDENCE = "low_confidence"
    ERROR = "error"
    TURN_CAP = "turn_cap"
    """A limit of the conversation: answers, tokens, unhappy marks."""
    POLICY = "policy"
    """A plugin's rule."""
    NOTHING_FOUND = "nothing_found"
    UNCONFIRMED = "unconfirmed"
    """What the AI said does not stand in its passages."""
    AI = "ai"
    """The AI said so by its typed conclusion."""
    AGENT = "agent"
    ADDRESS = "address"
    TICKET = "ticket"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Reason.ASKED: "asked for a person",
    Reason.KEYWORD: "a word that asks for a person",
    Reason.LOW_CONFIDENCE: "the assistant was not sure",
    Reason.ERROR: "technical error",
    Reason.TURN_CAP: "a limit of this conversation was reached",
    Reason.POLICY: "a rule of the house",
    Reason.NOTHING_FOUND: "no answer was found",
    Reason.UNCONFIRMED: "the answer could not be confirmed",
    Reason.AI: "the assistant passed it on",
    Reason.AGENT: "taken over by an agent",
    Reason.ADDRESS: "left an address",
    Reason.TICKET: "a ticket was asked for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """The turn a hook is called for."""

    turn_id: str
    conversation_id: str
    site: str
    """Site id."""
    channel: str
    language: str = ""
    attempt: int = 1
    passages: tuple[Passage, ...] = ()
    site_key: str = ""
    """Public key of the site, as admins know it."""
    prompt_version: str = "0.0"
    """Numbers of the published prompts of the installation and of the site, such as ``3.1``; 0: none."""
    question: str = ""
    """What is asked now, as the AI sees it; several messages are joined by line ends."""
    earlier: int = 0
    """Messages of the conversation before it that the AI may see; at least 1 if there were any at all."""
    files: int = 0
    """Files that came with what is asked."""
    said: str = ""
    """What customer and agents wrote in the messages that the AI sees, in their own words, joined by line ends."""
    instructions: str = ""
    """The system prompt that the AI was given; empty until it is asked."""
    answerable: bool = True
    """Whether the knowledge base has something to answer from."""
    certainty: float = 0.0
    """How sure the search is of that, from 0 to 1."""
    knowledge: int = 0
    """Version of the index that was searched; 0: there is nothing that could be searched."""
    pictures: int = 0
    """Pictures of the customer that the AI is shown with the question: what it says of them stands in no article."""
    turns: int = 0
    """Answers of the AI since it got this conversation (again)."""
    tokens: int = 0
    """What they cost."""
    put_off: int = 0
    """Seconds for which this turn was put off already."""
    unhappy: int = 0
    """Thumbs down of the customer among the messages that the AI sees."""
    reachable: bool = True
    """Whether a person could take over now: open, a desk connected, somebody not away."""
    draft: bool = False
    """What is written is a draft for an agent, who decides what becomes of it: it may be marked, and need not be mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished answer before its commit."""

    text: str
    sources: tuple[Source, ...] = ()
    choices: tuple[str, ...] = ()
    confidence: float | None = None
    type: Literal["ai", "auto", "cache", "offline", "fallback", "stopped"] = "ai"
    grounded: float | None = None
    """How much of what it claims stands in its passages, from 0 to 1; ``None``: nobody checked."""
    stated: float | None = None
    """What the model itself said of its sureness; ``confidence`` is that together with the search and ``grounded``."""
    steps: tuple[str, ...] = ()
    """What held it back, one word each, for the answer log: such as ``cheap``, ``quotes``, ``repeat``, ``slowed``."""
    handoff_reason: str = ""
    """Not empty when a person must take over."""
    handoff_summary: str = ""
    handoff_code: Reason = Reason.POLICY
    """What kind of reason it is; only read when there is one."""
    priority: Priority | None = None
    """Of the ticket, when there is a handoff; ``None`` leaves it."""
    provider: str = ""
    model: str = ""
    unseen: bool = False
    """There were pictures, and who answered could not look at them: the customer is told so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """What the hook ``escalate`` returns when a person must take over."""

    reason: Reason
    detail: str = ""
    """What exactly, for agents: shown behind the reason on card and ticket, at most 200 characters of it."""
    say: str = ""
    """Words for the customer. Before the AI was asked, or with ``answer_first`` False, they are said instead of an answer; else
    after it, in a paragraph of their own. What happens next is always said as well, by Deskhand."""
    answer_first: bool = True
    """Give the AI's answer and then pass on. False: the answer is not stored, and replaced by ``say`` if there is any."""
    priority: Priority | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoReply:
    """What the hook ``auto_reply`` returns when a rule knows what to say: an answer, a person, or only quick replies."""

    text: str = ""
    """The answer, in a small Markdown. Empty and without ``escalation``: the AI answers."""
    sources: tuple[Source, ...] = ()
    choices: tuple[str, ...] = ()
    """Quick replies, at most 5: under the answer, or under the AI's before its own."""
    escalation: Escalation | None = None
    """Pass the conversation on instead."""
    rule: str = ""
    """Name of the rule, for logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What the hook ``recall_answer`` returns for a question whose answer may be given again."""

    key: str
    """The same for every turn that would get the same answer, and for no other."""
    answer: Answer | None = None
    """The answer that is kept; ``None``: there is none (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the hook ``pace`` returns for somebody who asks too fast, or the same again: one of the three."""

    wait: float = 0.0
    """Seconds until this is looked at again. What is written meanwhile is answered with it."""
    again: str = ""
    """Id of an earlier answer to the same visitor that is given once more instead of asking the AI."""
    escalation: Escalation | None = None
    """Pass the conversation on."""
    why: str = ""
    """One word for the log and the answer log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the hook ``afford`` returns: what may be spent on an answer."""

    economy: Literal["full", "cheap", "quotes"] = "full"
    """As :attr:`bot.Prompt.economy`; never more than the prompt allows already."""
    escalation: Escalation | None = None
    """Nothing: pass the conversation on."""
    why: str = ""
    """For the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """When people of a site are there. Worked out ahead, so that nobody has to ask a plugin in the middle of a handoff."""

    zone: str
    """IANA name such as ``Europe/Berlin``: the times of the house are told in it."""
    open: tuple[tuple[float, float], ...]
    """From and to in Unix seconds, oldest first, without overlaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A kind of background work. ``run`` gets the job's ref and must be safe to run twice.

    ``every`` seconds makes the ticker enqueue one with an empty ref when it is due; ``None`` means on demand only.
    ``queue`` is ``quick`` (under a second or so) or ``slow`` (forked: crawls, indexes, exports). ``timeout`` in seconds.
    """

    kind: str
    run: Callable[[str], None]
    every: float | None = None
    queue: Literal["quick", "slow"] = "quick"
    timeout: float = 60.0
