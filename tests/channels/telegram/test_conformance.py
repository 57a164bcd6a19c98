"""The promises that every channel keeps, on Telegram."""

from __future__ import annotations

from typing import Any

from bot.testing import ChannelConformance, PlatformDouble, Shown, Trouble
from channels.telegram.chat import TelegramChannel
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import TOKEN


class Chats(PlatformDouble):
    """Private chats with as many people as the kit asks for."""

    longest = 4_096
    secrets = (TOKEN, TOKEN.partition(":")[2])

    def __init__(self) -> None:
        self.fake = FakeTelegram()
        self.fake.world.on_confirm = self._confirmed
        self.is_down = False

    def _confirmed(self, update: dict[str, Any]) -> None:
        message = update.get("message", {})
        if "chat" in message:
            self.acknowledged(self._name(message["chat"]["id"], message["message_id"]))

    @staticmethod
    def _name(chat: int, number: int) -> str:
        return f"{chat} {number}"

    @staticmethod
    def _named(message: str) -> tuple[int, int]:
        chat, number = message.split()
        return int(chat), int(number)

    def start(self) -> None:
        self.fake.__enter__()

    def stop(self) -> None:
        self.fake.__exit__()

    def ready(self) -> bool:
        return "message_reaction" in self.fake.world.allowed

    def place(self, number: int) -> str:
        person = 5_000 + number
        if person not in self.fake.world.users:
            self.fake.world.user(person, f"Person {number}")
        return str(person)

    def write(self, place: str, text: str) -> str:
        return self._name(int(place), self.fake.write(int(place), text))

    def again(self, message: str) -> None:
        chat, number = self._named(message)
        self.fake.raw("message", self.fake.world.messages[chat][number])

    def shown(self, place: str) -> list[Shown]:
        return [self._shown(one) for one in self.fake.world.said(int(place))]

    def _shown(self, one: dict[str, Any]) -> Shown:
        files = self.fake.world.files
        document, photos = one.get("document"), one.get("photo")
        attached = [(document["file_name"], files[document["file_id"]])] if document else []
        attached += [(one["upload"], files[photos[-1]["file_id"]])] if photos else []
        rows = one.get("reply_markup", {}).get("inline_keyboard", ())
        return Shown(
            id=str(one["message_id"]),
            text=str(one.get("text", "")),
            files=tuple(attached),
            buttons=tuple(button["text"] for row in rows for button in row),
            reactions=tuple(one.get("bots_reaction", ())),
        )

    def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        if kind is Trouble.OUTAGE:
            self.is_down = True
            self.fake.down()
        elif kind is Trouble.REFUSED:
            self.fake.fail("error", "sendMessage", error="Bad Request: chat not found")
        elif kind is Trouble.RATE_LIMITED:
            self.fake.fail("429", "sendMessage", retry_after=int(seconds))
        elif kind is Trouble.LOST_ANSWER:
            self.fake.fail("drop_after", "sendMessage")
        elif kind is Trouble.BROKEN:
            self.fake.fail("502", "sendMessage")
        elif kind is Trouble.SLOW:
            self.fake.fail("slow_after", "sendMessage", seconds=seconds)
        elif kind is Trouble.REVOKED:
            self.fake.world.revoked = True

    def heal(self) -> None:
        self.fake.world.revoked = False
        self.fake.faults.scripted.clear()
        self.fake.speed.until = 0.0
        if self.is_down:
            self.is_down = False
            self.fake.up()

    def oddity(self, place: str) -> None:
        self.fake.raw("future_thing", {"a": [None]})
        self.fake.raw("message", {"message_id": "?"})
        self.fake.write(int(place), poll={"id": "1", "question": "?"})

    def write_file(self, place: str, text: str, name: str, content: bytes) -> str:
        return self._name(
            int(place), self.fake.send_file(int(place), "document", content, caption=text, file_name=name)
        )

    def edit(self, message: str, text: str) -> None:
        chat, number = self._named(message)
        self.fake.edit(chat, number, text)

    def react(self, place: str, shown: str, emoji: str, gone: bool) -> None:
        self.fake.react(int(place), int(shown), "" if gone else emoji)

    def press(self, place: str, shown: str, label: str) -> None:
        self.fake.press(int(place), label, message=int(shown))

    def typing(self, place: str) -> int:
        return len(self.fake.world.noted("action", chat=int(place), action="typing"))

    def drafts(self, place: str) -> list[str]:
        return [str(one["text"]) for one in self.fake.world.noted("draft", chat=int(place))]


class TestTelegram(ChannelConformance):
    plugin = "telegram"
    channel = TelegramChannel
    platform = Chats

    def make(self, platform: Any) -> TelegramChannel:
        return TelegramChannel(token=platform.fake.world.token, api_url=platform.fake.url)
