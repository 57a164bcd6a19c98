"""What must outlive a process, kept in the channel's cursor: the session that can be resumed, the places where conversations
are, and answers that are being written. It is saved after the commits it speaks of, so that a crash repeats and never skips.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT_PLACES = 2_000
KEPT_DAYS = 45
KEPT_DRAFTS = 200
DRAFT_LIFE = 1_800.0
"""Seconds for which the message of a draft is remembered: longer than any delivery of its answer is uncertain."""


@dataclass(slots=True)
class Spot:
    """One place where a conversation is: a direct message's channel or a thread."""

    customer: str
    """Discord's id of the one person who is answered here."""
    parent: str = ""
    """The channel of the thread; empty for direct messages."""
    at: float = 0.0
    opened: bool = True
    """Of a thread under a mention: whether it was made already. Its id is known before."""
    named: bool = False
    """A thread of others: only what names the bot is for us."""


@dataclass(slots=True)
class Placeholder:
    """A message of ours that shows an answer while it is written."""

    channel: str
    message: str
    at: float


@dataclass(slots=True)
class Memory:
    """See the module's words. ``changed`` counts up with every change worth saving."""

    bot: str = ""
    session: str = ""
    seq: int = 0
    url: str = ""
    at: float = 0.0
    """Unix seconds up to which everything was heard."""
    missing: float = 0.0
    """Not 0: what was written since then is still being read again, after the loss of a session."""
    identified: list[float] = field(default_factory=list)
    spots: dict[str, Spot] = field(default_factory=dict)
    drafts: dict[str, Placeholder] = field(default_factory=dict)
    changed: int = 0

    @classmethod
    def read(cls, text: str) -> Memory:
        """From the stored cursor. What cannot be read is begun anew."""
        try:
            data = json.loads(text) if text else {}
            return cls(
                bot=str(data.get("bot", "")),
                session=str(data.get("session", "")),
                seq=int(data.get("seq", 0)),
                url=str(data.get("url", "")),
                at=float(data.get("at", 0)),
                missing=float(data.get("missing", 0)),
                identified=[float(at) for at in data.get("identified", [])],
                spots={str(key): Spot(**value) for key, value in data.get("spots", {}).items()},
                drafts={str(key): Placeholder(**value) for key, value in data.get("drafts", {}).items()},
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def text(self) -> str:
        """As it is stored."""
        data = asdict(self)
        del data["changed"]
        return json.dumps(data, separators=(",", ":"))

    def adopt(self, other: Memory) -> None:
        """Take over what was stored; what this process made meanwhile stays."""
        drafts, spots = self.drafts, self.spots
        for name in ("bot", "session", "seq", "url", "at", "missing", "identified"):
            setattr(self, name, getattr(other, name))
        self.spots = {**other.spots, **spots}
        self.drafts = {**other.drafts, **drafts}

    def belongs_to(self, bot: str) -> None:
        """Another bot's token: its sessions and places are not ours. Its budget is not either."""
        if self.bot and self.bot != bot:
            self.session, self.seq, self.url, self.at, self.missing = "", 0, "", 0.0, 0.0
            self.identified, self.spots, self.drafts = [], {}, {}
        self.bot = bot
        self.changed += 1

    def spot(self, channel: str) -> Spot | None:
        return self.spots.get(channel)

    def know(self, channel: str, customer: str, *, parent: str = "", opened: bool = True, named: bool = False) -> Spot:
        """Remember a place; one that is known keeps its customer."""
        found = self.spots.get(channel)
        now = time.time()
        if found is None:
            self.spots[channel] = found = Spot(customer, parent, now, opened, named)
            self.changed += 1
            self._forget(now)
        elif now - found.at > 60:
            found.at = now
            self.changed += 1
        return found

    def _forget(self, now: float) -> None:
        if len(self.spots) > KEPT_PLACES:
            newest = sorted(self.spots.items(), key=lambda item: -item[1].at)[:KEPT_PLACES]
            self.spots = {key: spot for key, spot in newest if now - spot.at < KEPT_DAYS * 86_400}

    def remember_draft(self, turn: str, channel: str, message: str) -> None:
        now = time.time()
        self.drafts[turn] = Placeholder(channel, message, now)
        if len(self.drafts) > KEPT_DRAFTS:
            self.drafts = {key: one for key, one in self.drafts.items() if now - one.at < DRAFT_LIFE}
        self.changed += 1


def snowflake(at: float) -> str:
    """The smallest id of the moment ``at`` (Unix seconds): Discord's ids begin with their time."""
    return str(max(0, int(at * 1000) - 1_420_070_400_000) << 22)


def moment(identity: Any) -> float:
    """The Unix seconds of an id."""
    return ((int(identity) >> 22) + 1_420_070_400_000) / 1000
