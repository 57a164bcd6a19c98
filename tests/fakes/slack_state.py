"""A workspace: people, channels, messages, and a log that only grows and says what really happened."""

from __future__ import annotations

import json
import threading
import time
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEAM = "T0DESK"
BOT_USER = "U0BOT"
BOT_ID = "B0BOT"
APP_ID = "A0DESK"
SCOPES = (
    "chat:write", "chat:write.customize", "channels:history", "channels:read", "groups:history", "groups:read", "reactions:write",
    "users:read", "team:read", "metadata.message:read", "files:read", "files:write", "reactions:read",
    "commands", "dnd:read", "im:history", "im:write",
)  # fmt: skip


@dataclass
class Channel:
    """A channel. ``messages`` by ``ts``."""

    id: str
    name: str
    members: set[str]
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def thread(self, root: str) -> list[dict[str, Any]]:
        """The root and its replies, the oldest first."""
        found = [m for m in self.messages.values() if m["ts"] == root or m.get("thread_ts") == root]
        return sorted(found, key=lambda message: float(message["ts"]))


class Workspace:
    """Everything Slack knows. Use under ``lock`` from other threads."""

    def __init__(self, journal: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.team = TEAM
        self.bot_token = "xoxb-test-1234-SECRET"
        self.app_token = "xapp-test-1234-SECRET"
        self.scopes = set(SCOPES)
        self.revoked = False
        self.log: list[dict[str, Any]] = []
        self.users: dict[str, dict[str, Any]] = {}
        self.channels: dict[str, Channel] = {}
        self.views: list[dict[str, Any]] = []
        self.ephemerals: list[dict[str, Any]] = []
        self.triggers: dict[str, float] = {}
        self.opened: dict[str, dict[str, Any]] = {}
        """Views that are open, by id, with who sees them."""
        self.homes: dict[str, dict[str, Any]] = {}
        """What each person's Home tab shows."""
        self.home_tab = True
        self.presence: dict[str, str] = {}
        """``active`` or ``away`` by user; who is not in it is active."""
        self.quiet: dict[str, tuple[float, float]] = {}
        """From when to when somebody does not want to be disturbed."""
        self.base = ""
        """Where files are, such as ``http://127.0.0.1:9000/``."""
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.uploads: dict[str, tuple[str, int]] = {}
        self.largest_upload = 1_000_000_000
        self.login_at_once = False
        """The sign-in page comes without a redirect before it."""
        self.no_length = False
        """Downloads do not say how long they are."""
        self._file = journal.open("a", encoding="utf-8") if journal else None
        self._last_ts = 0
        self.add_user(BOT_USER, "deskhand", is_bot=True)
        self.add_user("U1", "ana", real_name="Ana Kovač")
        self.add_user("U2", "ben", real_name="Ben Okoro")
        self.add_user("UGUEST", "gus", is_restricted=True)
        self.add_user("USTRANGER", "eve", team_id="T0ELSE", is_stranger=True)
        self.add_channel("C0SUPPORT", "support")

    def add_user(self, user: str, name: str, *, real_name: str = "", team_id: str = TEAM, **flags: Any) -> None:
        with self.lock:
            self.users[user] = {
                "id": user, "name": name, "team_id": team_id, "real_name": real_name or name.title(), "deleted": False,
                "profile": {"display_name": name.title(), "real_name": real_name or name.title()}, **flags,
            }  # fmt: skip

    def add_channel(self, channel: str, name: str, *, with_bot: bool = True, **flags: Any) -> Channel:
        with self.lock:
            members = {user for user in self.users if user != BOT_USER}
            one = Channel(channel, name, members | ({BOT_USER} if with_bot else set()), **flags)
            self.channels[channel] = one
            return one

    def direct(self, user: str) -> Channel:
        """The conversation of the app with one person."""
        with self.lock:
            one = f"D0{user}"
            if one not in self.channels:
                self.channels[one] = Channel(one, user, {user, BOT_USER})
            return self.channels[one]

    def note(self, what: str, **more: Any) -> dict[str, Any]:
        """Write into the log."""
        with self.lock:
            entry = {"at": time.time(), "what": what, **deepcopy(more)}
            self.log.append(entry)
            if self._file is not None:
                self._file.write(json.dumps(entry, default=str) + "\n")
                self._file.flush()
            return entry

    def new_ts(self) -> str:
        """Like Slack's: seconds and microseconds, never twice."""
        with self.lock:
            self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    # What tests ask -------------------------------------------------------------------------------------------------

    def noted(self, what: str, **wanted: Any) -> list[dict[str, Any]]:
        """Entries of the log: ``noted("call", method="chat.postMessage")``."""
        with self.lock:
            return [one for one in self.log if one["what"] == what and all(one.get(k) == v for k, v in wanted.items())]

    def messages(self, channel: str, thread: str = "") -> list[dict[str, Any]]:
        """What people see now: a thread, or the roots of a channel."""
        with self.lock:
            one = self.channels[channel]
            if thread:
                return deepcopy(one.thread(thread))
            roots = [m for m in one.messages.values() if m.get("thread_ts", m["ts"]) == m["ts"]]
            return deepcopy(sorted(roots, key=lambda message: float(message["ts"])))

    def message(self, channel: str, ts: str) -> dict[str, Any]:
        with self.lock:
            return deepcopy(self.channels[channel].messages[ts])
