"""People on Telegram: what they write, change, press and do to groups. Each act becomes the updates that Telegram would send."""

from __future__ import annotations

import secrets
import time
from copy import deepcopy
from typing import Any

from tests.fakes.telegram_state import BOT_ID, USERNAME, World


class People:
    """Mixed into the fake; ``world`` and ``_queued`` are its."""

    world: World

    def _queued(self) -> None:
        raise NotImplementedError

    def _tell(self, kind: str, content: dict[str, Any]) -> None:
        self.world.tell(kind, content)
        self._queued()

    def write(self, person: int, text: str = "", chat: int = 0, **more: Any) -> int:
        """A message; returns its number. In a group Telegram shows a bot in privacy mode only what is meant for it."""
        chat = chat or person
        content = {**({"text": text} if text else {}), **more}
        if text and "entities" not in more:
            entities = _entities(text)
            if entities:
                content["entities"] = entities
        with self.world.lock:
            message = self.world.add(chat, self.world.users[person], **content)
            if chat > 0 or not self.world.privacy or _concerns(message):
                self._tell("message", message)
        return int(message["message_id"])

    def send_file(
        self, person: int, kind: str, content: bytes, *, chat: int = 0, caption: str = "", **more: Any
    ) -> int:
        """A photo, document, voice message, audio or video."""
        from tests.fakes.telegram_methods import Methods

        file_id = Methods(self.world, lambda: None).keep(content)
        one = {"file_id": file_id, "file_unique_id": file_id, "file_size": len(content), **more}
        small = {"file_id": "small", "file_unique_id": "small", "width": 90, "height": 67, "file_size": 900}
        value: Any = [small, {**one, "width": 1280, "height": 960}] if kind == "photo" else one
        return self.write(person, chat=chat, **{kind: value}, **({"caption": caption} if caption else {}))

    def edit(self, person: int, message: int, text: str, chat: int = 0) -> None:
        with self.world.lock:
            one = self.world.messages[chat or person][message]
            one |= {"text" if "text" in one else "caption": text, "edit_date": int(time.time())}
            self._tell("edited_message", one)

    def press(self, person: int, label: str, chat: int = 0, *, message: int = 0) -> str:
        """Press the newest button with this label; returns the query's id."""
        with self.world.lock:
            for one in sorted(self.world.messages[chat or person].values(), key=lambda m: -m["message_id"]):
                if message and one["message_id"] != message:
                    continue
                for row in (one.get("reply_markup") or {}).get("inline_keyboard", ()):
                    for button in row:
                        if button["text"] == label:
                            return self._press(person, one, button["callback_data"])
        raise AssertionError(f"there is no button {label!r}")

    def _press(self, person: int, message: dict[str, Any], data: str) -> str:
        query = secrets.token_hex(8)
        self.world.answers[query] = {}
        self._tell(
            "callback_query",
            {
                "id": query, "from": self.world.users[person], "chat_instance": "1", "data": data,
                "message": {key: value for key, value in message.items() if key not in {"preview", "upload"}},
            },
        )  # fmt: skip
        return query

    def press_data(self, person: int, message: int, data: str, chat: int = 0) -> str:
        """A button that is not shown any more, as a slow phone would."""
        with self.world.lock:
            return self._press(person, self.world.messages[chat or person][message], data)

    def react(self, person: int, message: int, emoji: str, chat: int = 0) -> None:
        """Put an emoji on a message; empty takes it back."""
        chat = chat or person
        with self.world.lock:
            one = self.world.messages[chat][message]
            before = one.get("reaction", [])
            one["reaction"] = [{"type": "emoji", "emoji": emoji}] if emoji else []
            self._tell(
                "message_reaction",
                {
                    "chat": self.world.chat(chat), "message_id": message, "user": self.world.users[person],
                    "date": int(time.time()), "old_reaction": before, "new_reaction": one["reaction"],
                },
            )  # fmt: skip

    def block(self, person: int) -> None:
        with self.world.lock:
            self.world.blocked.add(person)
            member = {"user": self.world.bot, "status": "kicked", "until_date": 0}
            self._tell(
                "my_chat_member",
                {
                    "chat": self.world.chat(person), "from": self.world.users[person], "date": int(time.time()),
                    "old_chat_member": {"user": self.world.bot, "status": "member"}, "new_chat_member": member,
                },
            )  # fmt: skip

    def unblock(self, person: int) -> None:
        with self.world.lock:
            self.world.blocked.discard(person)

    def upgrade(self, group: int, new: int) -> None:
        """A group becomes a supergroup with another id; two service messages say so."""
        with self.world.lock:
            self.world.group(new, self.world.chats[group].get("title", ""))
            person = next(iter(self.world.users))
            self._tell("message", self.world.add(group, self.world.users[person], migrate_to_chat_id=new))
            self._tell("message", self.world.add(new, self.world.users[person], migrate_from_chat_id=group))
            self.world.moved[group] = new

    def raw(self, kind: str, content: Any) -> None:
        """Any update at all."""
        self._tell(kind, content)


def _entities(text: str) -> list[dict[str, Any]]:
    found = []
    at = 0
    for word in text.split(" "):
        offset = len(text[:at].encode("utf-16-le")) // 2
        if word.startswith("/") and len(word) > 1:
            found.append({"type": "bot_command", "offset": offset, "length": len(word.split("\n")[0])})
        elif word.startswith("@") and len(word) > 1:
            found.append({"type": "mention", "offset": offset, "length": len(word.rstrip(",.:!?"))})
        at += len(word) + 1
    return found


def _concerns(message: dict[str, Any]) -> bool:
    """What a bot in privacy mode gets of a group: commands, replies to it, service messages, mentions."""
    message = deepcopy(message)
    replied = (message.get("reply_to_message") or {}).get("from", {}).get("id") == BOT_ID
    text = str(message.get("text") or message.get("caption") or "").lower()
    return replied or text.startswith("/") or f"@{USERNAME}" in text or not (text or message.get("photo"))
