"""Slack runs the kit that every desk runs: bot.testing.DeskConformance, against a workspace over the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from bot import Desk
from bot.testing import DeskConformance, PluginConformance, Shown, SurfaceDouble, Trouble
from channels.slack.emoji import picture
from channels.slack.marks import EMOJI
from channels.slack.pacing import Bucket
from channels.slack.workspace import SlackDesk
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_state import BOT_ID, BOT_USER, TEAM
from tests.fakes.slack_visits import labels, text_of
from tests.patience import patient

CHANNEL = "C0SUPPORT"
FAULTS = {
    Trouble.LOST_ANSWER: ("drop_after", {}),
    Trouble.BROKEN: ("500", {}),
    Trouble.REFUSED: ("error", {"error": "msg_too_long"}),
}


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack is given up after 3 s and not after 12."""
    monkeypatch.setattr("channels.slack._web.TIMEOUT", 3)


class SlackSurface(SurfaceDouble):
    secrets = ("xoxb-test-1234-SECRET", "xapp-test-1234-SECRET")

    def __init__(self) -> None:
        self.slack = FakeSlack()
        self.slack.sockets.retries = (0.0, 0.3, 0.6)
        self.slack.sockets.ack_within = patient(1.0)
        self.is_down = False

    def start(self) -> None:
        self.slack.__enter__()
        note = self.slack.space.note

        def noted(what: str, **more: Any) -> Any:
            done = note(what, **more)
            if what == "acked" and (more.get("event") or {}).get("ts"):
                self.acknowledged(more["event"]["ts"])
            return done

        self.slack.space.note = noted  # type: ignore[method-assign]

    def stop(self) -> None:
        self.slack.__exit__()

    def ready(self) -> bool:
        return bool(self.slack.sockets.open)

    def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        if kind is Trouble.OUTAGE:
            self.slack.down()
            self.is_down = True
        elif kind is Trouble.REVOKED:
            self.slack.revoke()
        elif kind is Trouble.RATE_LIMITED:
            self.slack.fail("429", "chat.postMessage", retry_after=int(seconds))
        elif kind is Trouble.SLOW:
            self.slack.fail("slow_after", "chat.postMessage", seconds=seconds)
        else:
            name, more = FAULTS[kind]
            self.slack.fail(name, "chat.postMessage", **more)

    def heal(self) -> None:
        self.slack.faults.scripted.clear()
        self.slack.space.revoked = False
        if self.is_down:
            self.slack.up()
            self.is_down = False

    # People

    def person(self, number: int) -> str:
        return f"{TEAM}:U{number}"

    def stranger(self) -> str:
        return "T0ELSE:USTRANGER"

    def reply(self, thread: str, who: str, text: str) -> str:
        return self.slack.reply(_user(who), CHANNEL, thread, _as_slack_has_it(text))

    def reply_file(self, thread: str, who: str, text: str, name: str, content: bytes) -> str:
        return self.slack.share(_user(who), CHANNEL, thread, (name, content, "image/png"), text=text)

    def again(self, message: str) -> None:
        event = {
            **self.slack.space.message(CHANNEL, message),
            "channel": CHANNEL,
            "channel_type": "channel",
            "event_ts": message,
        }
        self.slack._tell(event)

    def oddity(self, thread: str) -> None:
        self.slack._tell({"type": "team_moved_to_the_moon", "channel": CHANNEL, "item": None})
        self.slack._tell(
            {"type": "message", "subtype": "of_next_year", "channel": CHANNEL, "ts": "x", "thread_ts": thread}
        )
        self.slack.say("U2", CHANNEL, "Lunch?")

    def edit(self, message: str, text: str) -> None:
        self.slack.edit(CHANNEL, message, _as_slack_has_it(text))

    def delete(self, message: str) -> None:
        self.slack.delete(CHANNEL, message)

    def click(self, thread: str, who: str, action: str) -> None:
        self.slack.click(_user(who), CHANNEL, thread, f"deskhand:{action}")

    # What they see

    def threads(self) -> Sequence[str]:
        return [one["ts"] for one in self.slack.space.messages(CHANNEL) if one.get("bot_id") == BOT_ID]

    def shown(self, thread: str) -> Sequence[Shown]:
        return [self._shown(one) for one in self.slack.space.messages(CHANNEL, thread) if one.get("bot_id") == BOT_ID]

    def _shown(self, message: dict[str, Any]) -> Shown:
        names = [name for name, people in message.get("reactions", {}).items() if BOT_USER in people]
        return Shown(
            id=message["ts"],
            text=_read(message.get("blocks")) if message.get("blocks") else message["text"],
            files=tuple((one["name"], self.slack.space.contents[one["id"]]) for one in message.get("files", [])),
            reactions=tuple(picture(name) for name in names),
        )

    def marks(self, message: str) -> Sequence[str]:
        there = self.slack.space.message(CHANNEL, message).get("reactions", {})
        return [mark for mark, name in EMOJI.items() if BOT_USER in there.get(name, [])]

    def directs(self, who: str) -> Sequence[str]:
        return [text_of(one) for one in self.slack.directs(_user(who))]

    def home(self, who: str) -> Sequence[str]:
        shown = self.slack.home(_user(who))
        return [text_of(shown), *labels(shown)]

    def press(self, who: str, label: str) -> None:
        self.slack.press(_user(who), self.slack.home_of(_user(who)), label)

    def asides(self, who: str) -> Sequence[str]:
        mine = [one for one in self.slack.space.ephemerals if one["user"] == _user(who)]
        return [_read(one["blocks"]) if one.get("blocks") else one["text"] for one in mine]


def _user(who: str) -> str:
    return who.partition(":")[2]


def _as_slack_has_it(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _read(value: Any) -> str:
    """All words of blocks, in their order."""
    if isinstance(value, list):
        return "".join(_read(one) for one in value)
    if not isinstance(value, dict) or value.get("type") in {"button", "overflow", "users_select"}:
        return ""
    inner = value.get("text")
    own = inner if isinstance(inner, str) else _read(inner)
    return own + "".join(_read(value.get(name)) for name in ("fields", "elements"))


class TestSlack(DeskConformance):
    plugin = "slack"
    desk = SlackDesk
    surface = SlackSurface

    def make(self, surface: Any) -> Desk:
        space = surface.slack.space
        desk = SlackDesk(bot_token=space.bot_token, app_token=space.app_token, place=CHANNEL, api_url=surface.slack.url)
        desk.catch_up_per_minute = 6_000
        desk.pacer._posts[CHANNEL] = Bucket(1_000, 1_000)  # Slack's own pace has tests of its own
        return desk


class TestSlackPlugin(PluginConformance):
    plugin = "slack"
    module = "channels.slack"
    settings: ClassVar = {
        "bot_token": "xoxb-1",
        "app_token": "xapp-1",
        "channel": CHANNEL,
        "api_url": "http://127.0.0.1:9/",
    }


def test_slack_leaves_nothing_out() -> None:
    assert TestSlack.not_declared == {}
