"""What a Discord of ours knows: people, servers, channels, threads, messages, nonces, and a log that only grows."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

DM, TEXT, PUBLIC_THREAD, PRIVATE_THREAD, GUILD_FORUM = 1, 0, 11, 12, 15
THREADS = {PUBLIC_THREAD, PRIVATE_THREAD}
EPOCH = 1_420_070_400_000
CONTENT_INTENT = 1 << 15
CONTENT_FLAG = 1 << 19


class Refuse(Exception):
    """An error answer: status, Discord's number, words."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more


class World:
    """One bot and all it can see. ``tell(event, data)`` hands an event to the gateway."""

    def __init__(self, journal: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.log: list[dict[str, Any]] = []
        self._journal = journal.open("a") if journal else None
        self._last = 0
        self.token = "MTAwMDAwMDAwMDAwMDAwMDAwMQ.GfakeX.abcdefghijklmnopqrstuvwxyz0123456789AB"
        self.me = "100000000000000001"
        self.app = "100000000000000002"
        self.flags = CONTENT_FLAG
        self.revoked = False
        self.users: dict[str, dict[str, Any]] = {self.me: _user(self.me, "Deskhand", bot=True)}
        self.guilds: dict[str, str] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.nonces: dict[str, tuple[str, str, float]] = {}
        self.nonce_window = 180.0
        self.nonces_in_history = False
        self.closed_dms: set[str] = set()
        self.denied: dict[str, int] = {}
        """Channels where the bot is refused, with the code."""
        self.files: dict[str, bytes] = {}
        self.commands: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        """By server, empty: everywhere; then by name."""
        self.ephemerals: list[dict[str, Any]] = []
        self.modals: list[dict[str, Any]] = []
        self.interactions: dict[str, dict[str, Any]] = {}
        self.tell: Callable[[str, dict[str, Any]], None] = lambda event, data: None
        self.cdn = ""

    # The log --------------------------------------------------------------------------------------------------------

    def note(self, kind: str, **more: Any) -> None:
        row = {"at": time.time(), "kind": kind, **more}
        with self.lock:
            self.log.append(row)
            if self._journal is not None:
                self._journal.write(json.dumps(row, default=str) + "\n")
                self._journal.flush()

    def noted(self, kind: str, **more: Any) -> list[dict[str, Any]]:
        with self.lock:
            return [row for row in self.log if row["kind"] == kind and all(row.get(k) == v for k, v in more.items())]

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    # Things ---------------------------------------------------------------------------------------------------------

    def snowflake(self) -> str:
        with self.lock:
            self._last = max(self._last + 1, (int(time.time() * 1000) - EPOCH) << 22)
            return str(self._last)

    def add_user(self, name: str, *, bot: bool = False) -> str:
        user = self.snowflake()
        self.users[user] = _user(user, name, bot=bot)
        return user

    def add_guild(self, name: str = "Lamps") -> str:
        guild = self.snowflake()
        self.guilds[guild] = name
        return guild

    def add_channel(self, guild: str, name: str = "general", kind: int = TEXT) -> str:
        channel = self.snowflake()
        self.channels[channel] = {"id": channel, "type": kind, "guild_id": guild, "name": name}
        return channel

    def dm_of(self, user: str) -> str:
        """The channel of direct messages with ``user``."""
        with self.lock:
            for channel in self.channels.values():
                if channel["type"] == DM and channel["recipients"][0]["id"] == user:
                    return str(channel["id"])
            channel = self.snowflake()
            self.channels[channel] = {"id": channel, "type": DM, "recipients": [self.users[user]]}
            return channel

    def add_thread(self, channel: str, thread: str, kind: int, name: str, owner: str) -> dict[str, Any]:
        parent = self.channels[channel]
        made = {
            "id": thread, "type": kind, "guild_id": parent["guild_id"], "parent_id": channel, "name": name, "owner_id": owner,
            "thread_metadata": {"archived": False, "locked": False}, "members": [owner],
        }  # fmt: skip
        self.channels[thread] = made
        self.note("thread", channel=channel, thread=thread, type=kind, name=name)
        self.tell("THREAD_CREATE", made)
        return made

    def write(self, channel: str, author: str, content: str, **more: Any) -> dict[str, Any]:
        """Put a message into a channel and tell everybody."""
        with self.lock:
            where = self.channels[channel]
            message: dict[str, Any] = {
                "id": self.snowflake(), "channel_id": channel, "author": self.users[author], "content": content, "type": 0,
                "timestamp": _iso(time.time()), "edited_timestamp": None, "attachments": [], "embeds": [], "components": [],
                "mentions": [one for one in self.users.values() if f"<@{one['id']}>" in content], "flags": 0, "pinned": False,
                "mention_everyone": False, "mention_roles": [], "tts": False, **more,
            }  # fmt: skip
            self.messages[channel][message["id"]] = message
            self.note(
                "message", channel=channel, id=message["id"], author=author, content=content, nonce=more.get("nonce")
            )
            self.tell("MESSAGE_CREATE", self.seen(message, where))
            return message

    def seen(self, message: dict[str, Any], where: dict[str, Any]) -> dict[str, Any]:
        """A message as the gateway shows it."""
        shown = json.loads(json.dumps(message))
        if where.get("guild_id"):
            shown["guild_id"] = where["guild_id"]
            shown["member"] = {"nick": None, "roles": []}
        return dict(shown)

    def find(self, channel: str, message: str) -> dict[str, Any]:
        found = self.messages.get(channel, {}).get(message)
        if found is None:
            raise Refuse(404, 10008, "Unknown Message")
        return found

    def texts(self, channel: str, author: str = "") -> list[str]:
        """What stands in a channel, oldest first; ours unless another author is named."""
        with self.lock:
            wanted = author or self.me
            return [one["content"] for one in self.messages[channel].values() if one["author"]["id"] == wanted]


def _user(user: str, name: str, *, bot: bool) -> dict[str, Any]:
    return {
        "id": user,
        "username": name.lower(),
        "global_name": name.title(),
        "discriminator": "0",
        "avatar": None,
        "bot": bot,
    }


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1_000_000):06d}+00:00"


iso = _iso
