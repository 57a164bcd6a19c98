"""What Telegram knows: people, chats, messages, files, waiting updates, and a log that only grows and says what really happened."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

BOT_ID = 7_000_001
TOKEN = f"{BOT_ID}:AAFakeTokenForTestsOnly_0123456789abcdef"
USERNAME = "shop_test_bot"
PRIVATE_KINDS = ("message", "edited_message", "channel_post", "callback_query", "my_chat_member", "poll")
"""What is sent when nobody said which kinds are wanted: reactions are not among them."""


class World:
    """Use under ``lock`` from other threads."""

    def __init__(self, journal: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.token = TOKEN
        self.revoked = False
        self.privacy = True
        self.retention = 24 * 3600.0
        self.log: list[dict[str, Any]] = []
        self.users: dict[int, dict[str, Any]] = {}
        self.chats: dict[int, dict[str, Any]] = {}
        self.messages: dict[int, dict[int, dict[str, Any]]] = {}
        self.blocked: set[int] = set()
        self.moved: dict[int, int] = {}
        self.closed_topics: set[tuple[int, int]] = set()
        self.files: dict[str, bytes] = {}
        self.drafts: dict[int, dict[str, Any]] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        """Answered button presses by their id."""
        self.commands: list[dict[str, Any]] = []
        self.webhook: dict[str, Any] = {}
        self.webhook_error: tuple[int, str] = (0, "")
        self.allowed: tuple[str, ...] = PRIVATE_KINDS
        self.updates: list[dict[str, Any]] = []
        self.born: dict[int, float] = {}
        self.on_confirm: Callable[[dict[str, Any]], None] = lambda update: None
        """Told of each update that the bot says it has."""
        self._file = journal.open("a", encoding="utf-8") if journal else None
        self._next_update = 310_000_000
        self._next_message: dict[int, int] = {}
        self.user(1001, "Anna", "Kovač", language_code="hr")
        self.user(1002, "Ben", "Okoro", language_code="en")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def note(self, what: str, **more: Any) -> None:
        with self.lock:
            entry = {"at": time.time(), "what": what, **more}
            self.log.append(entry)
            if self._file is not None:
                self._file.write(json.dumps(entry, default=str) + "\n")
                self._file.flush()

    def noted(self, what: str, **more: Any) -> list[dict[str, Any]]:
        """Entries of the log of this kind, with these values."""
        with self.lock:
            found = [entry for entry in self.log if entry["what"] == what]
        return [entry for entry in found if all(entry.get(name) == value for name, value in more.items())]

    # People and chats -----------------------------------------------------------------------------------------------

    def user(self, number: int, first: str, last: str = "", **more: Any) -> int:
        self.users[number] = {
            "id": number,
            "is_bot": False,
            "first_name": first,
            **({"last_name": last} if last else {}),
            **more,
        }
        self.chats.setdefault(number, {"id": number, "type": "private", "first_name": first})
        return number

    def group(self, number: int, title: str = "Neighbours", kind: str = "supergroup", *, forum: bool = False) -> int:
        self.chats[number] = {"id": number, "type": kind, "title": title, **({"is_forum": True} if forum else {})}
        return number

    @property
    def bot(self) -> dict[str, Any]:
        return {
            "id": BOT_ID,
            "is_bot": True,
            "first_name": "Shop",
            "username": USERNAME,
            "can_join_groups": True,
            "can_read_all_group_messages": not self.privacy,
            "supports_inline_queries": False,
        }

    def chat(self, number: int) -> dict[str, Any]:
        return deepcopy(self.chats[number])

    # Messages -------------------------------------------------------------------------------------------------------

    def add(self, chat: int, who: dict[str, Any], **content: Any) -> dict[str, Any]:
        """A new message in a chat."""
        with self.lock:
            number = self._next_message.get(chat, 100) + 1
            self._next_message[chat] = number
            message = {
                "message_id": number,
                "from": {name: value for name, value in who.items() if not name.startswith("can_")},
                "chat": self.chat(chat),
                "date": int(time.time()),
                **content,
            }
            self.messages.setdefault(chat, {})[number] = message
            return message

    def said(self, chat: int) -> list[dict[str, Any]]:
        """What the bot says there now, the oldest first."""
        with self.lock:
            found = [deepcopy(one) for one in self.messages.get(chat, {}).values() if one["from"]["id"] == BOT_ID]
        return sorted(found, key=lambda one: int(one["message_id"]))

    def texts(self, chat: int) -> list[str]:
        return [str(one.get("text", "")) for one in self.said(chat)]

    # Updates --------------------------------------------------------------------------------------------------------

    def tell(self, kind: str, content: dict[str, Any]) -> int:
        """Queue an update; returns its number, or 0 when this kind is not wanted."""
        with self.lock:
            if kind not in self.allowed and not kind.startswith("future"):
                return 0
            self._next_update += 1
            self.updates.append({"update_id": self._next_update, kind: deepcopy(content)})
            self.born[self._next_update] = time.time()
            self.note("update", update=self._next_update, kind=kind)
            return self._next_update

    def confirm(self, offset: int) -> None:
        """Forget everything before ``offset``, for good."""
        with self.lock:
            confirmed = [one for one in self.updates if one["update_id"] < offset]
            gone = [one["update_id"] for one in confirmed]
            for one in confirmed:
                self.on_confirm(one)
            self.updates = [one for one in self.updates if one["update_id"] >= offset]
            if gone:
                self.note("confirmed", updates=gone)

    def waiting(self) -> list[dict[str, Any]]:
        """Updates nobody confirmed, without those that are too old."""
        with self.lock:
            old = time.time() - self.retention
            expired = [one["update_id"] for one in self.updates if self.born[one["update_id"]] < old]
            if expired:
                self.updates = [one for one in self.updates if one["update_id"] not in set(expired)]
                self.note("expired", updates=expired)
            return list(self.updates)
