"""The promises that every channel keeps, on Discord."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, ClassVar

from bot.testing import ChannelConformance, PlatformDouble, PluginConformance, Shown, Trouble
from channels.discord.channel import DiscordChannel
from channels.discord.drafts import WRITING
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_state import World

SEND = "POST /channels/*/messages"
SILENT = (0.01, 0.02)


def drawn(content: str) -> str:
    """What Discord's clients draw: a backslash takes the force out of the sign behind it."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", content)


class Server(PlatformDouble):
    """Direct messages with as many people as the kit asks for."""

    acknowledges = False  # the gateway has no acknowledgements
    longest = 4_000
    secrets = (World().token,)

    def __init__(self) -> None:
        self.fake = FakeDiscord(paced=False)
        self.people: dict[int, str] = {}
        self.where: dict[str, str] = {}
        self.shown_drafts: defaultdict[str, list[str]] = defaultdict(list)
        self.is_down = False

    def start(self) -> None:
        self.fake.__enter__()

    def stop(self) -> None:
        self.fake.__exit__()

    def ready(self) -> bool:
        return self.fake.connected()

    def place(self, number: int) -> str:
        if number not in self.people:
            self.people[number] = self.fake.world.add_user(f"Person{number}")
        return self.fake.world.dm_of(self.people[number])

    def _person(self, place: str) -> str:
        return str(self.fake.world.channels[place]["recipients"][0]["id"])

    def write(self, place: str, text: str) -> str:
        message = self.fake.say(self._person(place), place, text)
        self.where[message] = place
        return message

    def again(self, message: str) -> None:
        place = self.where[message]
        found = self.fake.world.messages[place][message]
        self.fake.world.tell("MESSAGE_CREATE", self.fake.world.seen(found, self.fake.world.channels[place]))

    def shown(self, place: str) -> list[Shown]:
        with self.fake.world.lock:
            ours = [
                one for one in self.fake.world.messages[place].values() if one["author"]["id"] == self.fake.world.me
            ]
        return [
            Shown(
                id=one["id"],
                text=drawn(one["content"]),
                files=tuple(
                    (file["filename"], self.fake.world.files[file["url"].split("/")[-2]]) for file in one["attachments"]
                ),
                buttons=tuple(button["label"] for row in one["components"] for button in row["components"]),
                reactions=tuple(
                    emoji for emoji, who in one.get("who_reacted", {}).items() if self.fake.world.me in who
                ),
            )
            for one in ours
            if not one["content"].endswith(WRITING)
        ]

    def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        if kind is Trouble.OUTAGE:
            self.is_down = True
            self.fake.down()
        elif kind is Trouble.REFUSED:
            self.fake.fail("error", SEND, error="403 50007")
        elif kind is Trouble.RATE_LIMITED:
            self.fake.fail("429", SEND, retry_after=int(seconds))
        elif kind is Trouble.LOST_ANSWER:
            self.fake.fail("drop_after", SEND)
        elif kind is Trouble.BROKEN:
            self.fake.fail("500", SEND)
        elif kind is Trouble.SLOW:
            self.fake.fail("slow_after", SEND, seconds=seconds)
        elif kind is Trouble.REVOKED:
            self.fake.world.revoked = True

    def heal(self) -> None:
        self.fake.world.revoked = False
        self.fake.faults.scripted.clear()
        if self.is_down:
            self.is_down = False
            self.fake.up()

    def oddity(self, place: str) -> None:
        person = self._person(place)
        self.fake.world.tell("SOMETHING_OF_NEXT_YEAR", {"a": 1})
        self.fake.say(person, place, "", type=6)
        self.fake.world.tell("MESSAGE_CREATE", {"id": None})

    def write_file(self, place: str, text: str, name: str, content: bytes) -> str:
        message = self.fake.say(self._person(place), place, text, files=((name, content, ""),))
        self.where[message] = place
        return message

    def edit(self, message: str, text: str) -> None:
        self.fake.edit(self.where[message], message, text)

    def delete(self, message: str) -> None:
        self.fake.delete(self.where[message], message)

    def react(self, place: str, shown: str, emoji: str, gone: bool) -> None:
        self.fake.react(self._person(place), place, shown, emoji, gone=gone)

    def press(self, place: str, shown: str, label: str) -> None:
        self.fake.press(self._person(place), place, shown, label)

    def typing(self, place: str) -> int:
        return len(self.fake.world.noted("typing", channel=place))

    def drafts(self, place: str) -> list[str]:
        seen = [one for kind in ("message", "edit") for one in self.fake.world.noted(kind, channel=place)]
        texts = [str(one["content"]) for one in sorted(seen, key=lambda one: one["at"])]
        return [drawn(text.removesuffix(WRITING)) for text in texts if text.endswith(WRITING)]


class TestDiscord(ChannelConformance):
    plugin = "discord"
    channel = DiscordChannel
    platform = Server

    def make(self, platform: Any) -> DiscordChannel:
        made = DiscordChannel(platform.fake.world.token, api_url=platform.fake.url, cdn_url=platform.fake.cdn)
        made.after_invalid = SILENT
        return made


class TestDiscordPlugin(PluginConformance):
    plugin = "discord"
    module = "channels.discord"
    settings: ClassVar[dict[str, str]] = {
        "bot_token": World().token,
        "api_url": "http://127.0.0.1:9",
        "cdn_url": "http://127.0.0.1:9",
    }
