"""What Telegram refuses: too long, wrong entities, wrong buttons, and too fast."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

MAX_TEXT, MAX_CAPTION = 4_096, 1_024
REACTIONS = {
    "👍",
    "👎",
    "❤",
    "🔥",
    "🥰",
    "👏",
    "😁",
    "🤔",
    "🎉",
    "🤩",
    "🙏",
    "👌",
    "😍",
    "💯",
    "🤣",
    "⚡",
    "🏆",
    "💔",
    "😢",
    "👀",
    "🤝",
    "🤗",
    "🆒",
    "😎",
}
ENTITIES = {
    "bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "code", "pre", "text_link", "expandable_blockquote",
}  # fmt: skip


class Refuse(Exception):
    """An answer other than 200."""

    def __init__(self, description: str, code: int = 400, **parameters: Any) -> None:
        super().__init__(description)
        self.description, self.code, self.parameters = description, code, parameters


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_text(data: dict[str, Any], longest: int = MAX_TEXT, name: str = "text") -> str:
    """The text as Telegram keeps it. Raises :class:`Refuse`."""
    text = str(data.get(name) or "")
    if not text.strip():
        raise Refuse("Bad Request: message text is empty")
    if units(text) > longest:
        raise Refuse("Bad Request: message is too long")
    for one in data.get("entities") or ():
        if one.get("type") not in ENTITIES:
            raise Refuse("Bad Request: can't parse entities: unsupported type")
        if one["offset"] < 0 or one["length"] < 1 or one["offset"] + one["length"] > units(text):
            raise Refuse("Bad Request: can't parse entities: ENTITY_BOUNDS_INVALID")
        if one["type"] == "text_link" and not str(one.get("url", "")).startswith(("http", "mailto:", "tg:")):
            raise Refuse("Bad Request: can't parse entities: ENTITY_URL_INVALID")
        half = text.encode("utf-16-le")[2 * one["offset"] : 2 * (one["offset"] + one["length"])]
        half.decode("utf-16-le")  # an entity that cuts a character in two is our own fault: fail loudly
    if text != text.strip():
        raise Refuse("Bad Request: the test's own rule: entities would be moved by blank edges")
    return text


def check_markup(data: dict[str, Any]) -> dict[str, Any] | None:
    markup = data.get("reply_markup")
    if not markup:
        return None
    for row in markup.get("inline_keyboard") or ():
        for one in row:
            if not str(one.get("text") or ""):
                raise Refuse("Bad Request: inline keyboard button text is empty")
            if not 1 <= len(str(one.get("callback_data") or "").encode()) <= 64:
                raise Refuse("Bad Request: BUTTON_DATA_INVALID")
    return dict(markup)


class Speed:
    """About 30 messages a second for the bot and 20 a minute in one group. Once over it, the whole bot pauses."""

    def __init__(self) -> None:
        self.per_second, self.per_group = 30, 20
        self.on = False
        self.until = 0.0
        self._all: deque[float] = deque()
        self._groups: dict[int, deque[float]] = {}

    def flood(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    def check(self, method: str, chat: int) -> None:
        """Raises :class:`Refuse` with ``retry_after``."""
        now = time.monotonic()
        if now < self.until:
            self._refuse(self.until - now)
        if not self.on or not (method.startswith("send") or method == "editMessageText") or method == "sendChatAction":
            return
        self._count(self._all, now, 1.0, self.per_second)
        if chat < 0:
            self._count(self._groups.setdefault(chat, deque()), now, 60.0, self.per_group)

    def _count(self, said: deque[float], now: float, window: float, most: int) -> None:
        while said and now - said[0] > window:
            said.popleft()
        if len(said) >= most:
            self.flood(window - (now - said[0]))
            self._refuse(self.until - now)
        said.append(now)

    @staticmethod
    def _refuse(seconds: float) -> None:
        wait = int(seconds) + 1
        raise Refuse(f"Too Many Requests: retry after {wait}", 429, retry_after=wait)
