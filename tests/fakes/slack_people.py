"""Acting as a person in the fake workspace. Safe from any thread; what is told to the app follows by itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from tests.fakes.slack_files import new_file
from tests.fakes.slack_methods import remove
from tests.fakes.slack_state import APP_ID, BOT_USER, Channel, Workspace


class People:
    """Base of the fake: ``_tell`` and ``_click`` bring events to the app's sockets."""

    space: Workspace
    _tell: Callable[[dict[str, Any]], None]
    _click: Callable[[dict[str, Any]], None]

    def reply(self, user: str, channel: str, thread: str, text: str, **more: Any) -> str:
        """Write into a thread, as Slack's syntax has it (``<@U1>``, ``&lt;``); the message's ``ts``."""
        return self._write(user, channel, text, thread=thread, **more)

    def say(self, user: str, channel: str, text: str, **more: Any) -> str:
        """Write into the channel."""
        return self._write(user, channel, text, **more)

    def broadcast(self, user: str, channel: str, thread: str, text: str) -> str:
        """A reply that is "also sent to the channel": the app is told twice."""
        ts = self._write(user, channel, text, thread=thread, subtype="thread_broadcast")
        message = self.space.message(channel, ts)
        plain = {key: value for key, value in message.items() if key not in {"subtype", "root"}}
        self._tell({**plain, "channel": channel, "channel_type": "channel", "event_ts": ts})
        return ts

    def _write(self, user: str, channel: str, text: str, *, thread: str = "", subtype: str = "", **more: Any) -> str:
        with self.space.lock:
            one = self.space.channels[channel]
            ts = self.space.new_ts()
            message: dict[str, Any] = {
                "type": "message", "user": user, "text": text, "ts": ts, "client_msg_id": secrets.token_hex(16),
                "team": self.space.users[user]["team_id"], **more,
            }  # fmt: skip
            if subtype:
                message["subtype"] = subtype
            if thread:
                message |= {"thread_ts": thread, "parent_user_id": one.messages[thread].get("user", "")}
                one.messages[thread].setdefault("thread_ts", thread)
            one.messages[ts] = message
            self.space.note("written", user=user, channel=channel, ts=ts, thread=thread, text=text)
            event = {**deepcopy(message), "channel": channel, "channel_type": "channel", "event_ts": ts}
        self._told(one, event)
        return ts

    def share(
        self, user: str, channel: str, thread: str, *files: tuple[str, bytes, str], text: str = "", **odd: Any
    ) -> str:
        """Write with files ``(name, bytes, media type)``. ``odd`` is how Slack describes them: ``mode="tombstone"``,
        ``file_access="check_file_info"`` (then little else is told), ``is_external=True``.
        """
        made = [new_file(self.space, user, *one, **odd) for one in files]
        shown = [{key: value for key, value in one.items() if key != "shares"} for one in made]
        if odd.get("file_access") == "check_file_info":
            shown = [{key: one[key] for key in ("id", "file_access", "mode")} for one in shown]
        return self._write(user, channel, text, thread=thread, subtype="file_share", files=shown)

    def react(self, user: str, channel: str, ts: str, name: str, *, off: bool = False) -> None:
        """Put an emoji on a message, or take it off."""
        with self.space.lock:
            one = self.space.channels[channel]
            message = one.messages[ts]
            there = message.setdefault("reactions", {}).setdefault(name, [])
            there.remove(user) if off else there.append(user)
            if not there:
                del message["reactions"][name]
            self.space.note("person_reacted", user=user, channel=channel, ts=ts, name=name, off=off)
            event = {
                "type": "reaction_removed" if off else "reaction_added", "user": user, "reaction": name, "item_user": message["user"],
                "item": {"type": "message", "channel": channel, "ts": ts}, "event_ts": self.space.new_ts(),
            }  # fmt: skip
        self._told(one, event)

    def unreact(self, user: str, channel: str, ts: str, name: str) -> None:
        self.react(user, channel, ts, name, off=True)

    def deactivate(self, user: str) -> None:
        """An admin of the workspace ends an account."""
        with self.space.lock:
            self.space.users[user]["deleted"] = True
            self.space.note("deactivated", user=user)
            event = {"type": "user_change", "user": deepcopy(self.space.users[user]), "event_ts": self.space.new_ts()}
        self._tell(event)

    def edit(self, channel: str, ts: str, text: str) -> str:
        """Change one's own message; the new ``edited.ts``."""
        with self.space.lock:
            one = self.space.channels[channel]
            message = one.messages[ts]
            before = deepcopy(message)
            message["text"] = text
            message["edited"] = {"user": message["user"], "ts": self.space.new_ts()}
            self.space.note("edited", channel=channel, ts=ts, text=text, user=message["user"])
            event = self._changed(channel, message, before)
        self._told(one, event)
        return str(message["edited"]["ts"])

    def unfurl(self, channel: str, ts: str) -> None:
        """Slack adds a preview: a change that no person made."""
        with self.space.lock:
            one = self.space.channels[channel]
            before = deepcopy(one.messages[ts])
            one.messages[ts]["attachments"] = [{"title": "A page"}]
            event = self._changed(channel, one.messages[ts], before)
        self._told(one, event)

    def _changed(self, channel: str, message: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        ts = self.space.new_ts()
        return {
            "type": "message", "subtype": "message_changed", "message": deepcopy(message), "previous_message": before,
            "channel": channel, "hidden": True, "ts": ts, "event_ts": ts, "channel_type": "channel",
        }  # fmt: skip

    def delete(self, channel: str, ts: str) -> None:
        """Delete one's own message (or, as an admin, any)."""
        with self.space.lock:
            one = self.space.channels[channel]
            before = deepcopy(remove(self.space, one, ts))
            self.space.note("removed", channel=channel, ts=ts)
            now = self.space.new_ts()
            event = {
                "type": "message", "subtype": "message_deleted", "deleted_ts": ts, "previous_message": before, "channel": channel,
                "hidden": True, "ts": now, "event_ts": now, "channel_type": "channel",
            }  # fmt: skip
        self._told(one, event)

    def click(self, user: str, channel: str, ts: str, what: str, *, choice: str = "", again: bool = False) -> None:
        """Click the control of a message whose ``action_id`` or label is ``what``; in menus the option labelled so.

        ``choice`` is the person chosen in a list of people; ``again`` repeats the very same click (same ``action_ts``).
        """
        with self.space.lock:
            payload = self._clicked(user, channel, ts, what, choice)
        self._click(payload)
        if again:
            self._click(deepcopy(payload))

    def click_at_once(self, users: Sequence[str], channel: str, ts: str, what: str) -> None:
        """All of them click the same control, which all of them still see."""
        with self.space.lock:
            payloads = [self._clicked(user, channel, ts, what, "") for user in users]
        for payload in payloads:
            self._click(payload)

    def _clicked(self, user: str, channel: str, ts: str, what: str, choice: str) -> dict[str, Any]:
        message = self.space.message(channel, ts)
        action = find_control(message, what, choice)
        box = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False}
        if message.get("thread_ts"):
            box["thread_ts"] = message["thread_ts"]
        payload = self._payload(user, channel, action, box)
        payload["message"] = {key: value for key, value in message.items() if key != "metadata"}
        return payload

    def click_aside(self, user: str, aside: dict[str, Any], what: str) -> None:
        """Click a button of an ephemeral message (an entry of ``space.ephemerals``)."""
        action = find_control(aside, what, "")
        box = {
            "type": "message", "message_ts": aside["ts"], "channel_id": aside["channel"], "is_ephemeral": True,
            **({"thread_ts": aside["thread_ts"]} if aside["thread_ts"] else {}),
        }  # fmt: skip
        self._click(self._payload(user, aside["channel"], action, box))

    def _payload(self, user: str, channel: str, action: dict[str, Any], box: dict[str, Any]) -> dict[str, Any]:
        trigger = f"{time.time_ns()}.{secrets.token_hex(4)}"
        self.space.triggers[trigger] = time.time() + 3
        action = {**action, "action_ts": self.space.new_ts()}
        self.space.note("click", user=user, channel=channel, action=action)
        who = self.space.users[user]
        return {
            "type": "block_actions", "trigger_id": trigger, "api_app_id": APP_ID, "token": "old", "container": box,
            "user": {"id": user, "username": who["name"], "name": who["name"], "team_id": who["team_id"]},
            "team": {"id": self.space.team, "domain": "acme"}, "channel": {"id": channel, "name": "x"},
            "actions": [action], "response_url": "https://hooks.invalid/r", "state": {"values": {}}, "is_enterprise_install": False,
        }  # fmt: skip

    def _told(self, channel: Channel, event: dict[str, Any]) -> None:
        if BOT_USER in channel.members:
            self._tell(event)


def find_control(message: dict[str, Any], what: str, choice: str) -> dict[str, Any]:
    """The ``action`` of a click as Slack would send it."""
    for block in message.get("blocks") or []:
        for element in block.get("elements", []) if block["type"] == "actions" else []:
            base = {
                "type": element["type"],
                "action_id": element["action_id"],
                "block_id": block.get("block_id", "auto"),
            }
            if element["type"] == "overflow":
                for option in element["options"]:
                    if option["text"]["text"] == what:
                        return {**base, "selected_option": option}
            elif element["type"] == "users_select":
                if choice and what in {element["action_id"], element["placeholder"]["text"]}:
                    return {**base, "selected_user": choice}
            elif what in {element["action_id"], element["text"]["text"]}:
                return {**base, "value": element.get("value", ""), "text": element["text"]}
    raise AssertionError(f"the message has no {what!r}")
