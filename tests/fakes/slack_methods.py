"""The Web API methods of the fake workspace: each takes its arguments and returns its answer, or raises :class:`Refuse`."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.fakes.slack_limits import TEXT, wrong_blocks
from tests.fakes.slack_state import APP_ID, BOT_ID, BOT_USER, Channel, Workspace

Arguments = dict[str, Any]
METHODS: dict[str, tuple[str, Callable[[Methods, Arguments], dict[str, Any]]]] = {}


class Refuse(Exception):
    """``ok: false`` with this word."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error, self.more = error, more


def method(name: str, scope: str = "") -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        METHODS[name] = (scope, function)
        return function

    return add


class Methods:
    """Acts on a workspace as our bot. ``tell(event)`` sends an event to the app's sockets."""

    def __init__(self, workspace: Workspace, tell: Callable[[dict[str, Any]], None]) -> None:
        self.space, self.tell = workspace, tell

    def call(self, name: str, arguments: Arguments) -> dict[str, Any]:
        if name not in METHODS:
            raise Refuse("unknown_method")
        scope, function = METHODS[name]
        if scope and scope not in self.space.scopes:
            raise Refuse("missing_scope", needed=scope, provided=",".join(sorted(self.space.scopes)))
        return function(self, arguments)

    def channel(self, arguments: Arguments, *, member: bool = True, open_: bool = False) -> Channel:
        wanted = str(arguments.get("channel", ""))
        found = self.space.direct(wanted) if wanted in self.space.users else self.space.channels.get(wanted)
        if found is None or (found.is_private and BOT_USER not in found.members):
            raise Refuse("channel_not_found")
        if member and BOT_USER not in found.members:
            raise Refuse("not_in_channel")
        if open_ and found.is_archived:
            raise Refuse("is_archived")
        return found

    def own(self, channel: Channel, arguments: Arguments, refusal: str) -> dict[str, Any]:
        message = channel.messages.get(str(arguments.get("ts", "")))
        if message is None or message.get("subtype") == "tombstone":
            raise Refuse("message_not_found")
        if message.get("bot_id") != BOT_ID:
            raise Refuse(refusal)
        return message

    def content(self, arguments: Arguments) -> dict[str, Any]:
        text, blocks = str(arguments.get("text") or ""), arguments.get("blocks")
        if not text and not blocks:
            raise Refuse("no_text")
        if len(text) > TEXT:
            raise Refuse("msg_too_long")
        if blocks:
            problem = wrong_blocks(blocks)
            if problem:
                self.space.note("refused_blocks", problem=problem)
                raise Refuse(
                    "msg_blocks_too_long" if problem == "msg_blocks_too_long" else "invalid_blocks", errors=[problem]
                )
        return {"text": text, **({"blocks": blocks} if blocks else {})}


@method("auth.test")
def _auth_test(self: Methods, _: Arguments) -> dict[str, Any]:
    return {
        "url": "https://acme.example/", "team": "Acme", "user": "deskhand", "team_id": self.space.team,
        "user_id": BOT_USER, "bot_id": BOT_ID, "is_enterprise_install": False,
    }  # fmt: skip


@method("team.info", "team:read")
def _team_info(self: Methods, _: Arguments) -> dict[str, Any]:
    return {"team": {"id": self.space.team, "name": "Acme", "domain": "acme"}}


@method("users.info", "users:read")
def _users_info(self: Methods, arguments: Arguments) -> dict[str, Any]:
    user = self.space.users.get(str(arguments.get("user", "")))
    if user is None:
        raise Refuse("user_not_found")
    return {"user": deepcopy(user)}


@method("chat.postMessage", "chat:write")
def _post(self: Methods, arguments: Arguments) -> dict[str, Any]:
    channel = self.channel(arguments, open_=True)
    content = self.content(arguments)
    thread = str(arguments.get("thread_ts") or "")
    if thread and not channel.thread(thread):
        raise Refuse("thread_not_found")
    ts = self.space.new_ts()
    message = {
        "type": "message", "ts": ts, "user": BOT_USER, "bot_id": BOT_ID, "app_id": APP_ID, "team": self.space.team, **content,
    }  # fmt: skip
    for name in ("username", "icon_url"):
        if arguments.get(name):
            if "chat:write.customize" not in self.space.scopes:
                raise Refuse("missing_scope", needed="chat:write.customize", provided="chat:write")
            if len(str(arguments[name])) > (80 if name == "username" else 3000):
                raise Refuse("invalid_arguments")
            message[name] = arguments[name]
    if thread:
        message |= {"thread_ts": thread, "parent_user_id": channel.messages[thread].get("user", "")}
        channel.messages[thread].setdefault("thread_ts", thread)
    metadata = arguments.get("metadata")
    if metadata:
        if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
            raise Refuse("invalid_metadata_format")
        message["metadata"] = metadata
    channel.messages[ts] = message
    self.space.note("posted", channel=channel.id, ts=ts, thread=thread, message=message, arguments=arguments)
    shown = {key: value for key, value in message.items() if key != "metadata"}
    self.tell({**shown, "subtype": "bot_message", "channel": channel.id, "event_ts": ts})
    return {"channel": channel.id, "ts": ts, "message": deepcopy(message)}


@method("chat.update", "chat:write")
def _update(self: Methods, arguments: Arguments) -> dict[str, Any]:
    channel = self.channel(arguments, open_=True)
    message = self.own(channel, arguments, "cant_update_message")
    before = deepcopy(message)
    content = self.content(arguments)
    if "blocks" not in content:
        message.pop("blocks", None)
    message.update(content)
    if arguments.get("metadata") is not None:
        message["metadata"] = arguments["metadata"]
    message["edited"] = {"user": BOT_USER, "ts": self.space.new_ts()}
    self.space.note("updated", channel=channel.id, ts=message["ts"], message=message)
    self.tell({
        "type": "message", "subtype": "message_changed", "channel": channel.id, "hidden": True,
        "message": deepcopy(message), "previous_message": before, "ts": self.space.new_ts(),
    })  # fmt: skip
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"]}


@method("chat.delete", "chat:write")
def _delete(self: Methods, arguments: Arguments) -> dict[str, Any]:
    channel = self.channel(arguments)
    message = self.own(channel, arguments, "cant_delete_message")
    remove(self.space, channel, message["ts"])
    self.space.note("deleted", channel=channel.id, ts=message["ts"])
    return {"channel": channel.id, "ts": message["ts"]}


def remove(space: Workspace, channel: Channel, ts: str) -> dict[str, Any]:
    """Take a message away; a root with replies leaves a tombstone, as in Slack."""
    message = channel.messages[ts]
    if len(channel.thread(ts)) > 1:
        channel.messages[ts] = {
            "type": "message", "subtype": "tombstone", "ts": ts, "thread_ts": ts, "user": "USLACKBOT",
            "text": "This message was deleted.",
        }  # fmt: skip
    else:
        del channel.messages[ts]
    return message


@method("chat.postEphemeral", "chat:write")
def _ephemeral(self: Methods, arguments: Arguments) -> dict[str, Any]:
    channel = self.channel(arguments, open_=True)
    content = self.content(arguments)
    user = str(arguments.get("user", ""))
    if user not in channel.members:
        raise Refuse("user_not_in_channel")
    entry = {
        "channel": channel.id, "user": user, "ts": self.space.new_ts(), "thread_ts": str(arguments.get("thread_ts") or ""), **content,
    }  # fmt: skip
    self.space.ephemerals.append(entry)
    self.space.note("ephemeral", **entry)
    return {"message_ts": entry["ts"]}


def _page(found: list[dict[str, Any]], arguments: Arguments, scopes: set[str]) -> dict[str, Any]:
    limit = min(int(arguments.get("limit") or 100), 999)
    start = int(str(arguments.get("cursor") or "c0")[1:])
    oldest, latest = float(arguments.get("oldest") or 0), float(arguments.get("latest") or time.time() + 10**6)
    found = [m for m in found if oldest <= float(m["ts"]) <= latest]
    page = deepcopy(found[start : start + limit])
    asked = str(arguments.get("include_all_metadata", "")).lower() in {"1", "true"}
    if not asked or "metadata.message:read" not in scopes:  # without the scope it is left out and nothing is said
        for message in page:
            message.pop("metadata", None)
    more = start + limit < len(found)
    cursor = {"response_metadata": {"next_cursor": f"c{start + limit}"}} if more else {}
    return {"messages": page, "has_more": more, **cursor}


@method("conversations.replies", "channels:history")
def _replies(self: Methods, arguments: Arguments) -> dict[str, Any]:
    found = self.channel(arguments).thread(str(arguments.get("ts", "")))
    if not found:
        raise Refuse("thread_not_found")
    return _page(found, arguments, self.space.scopes)


@method("conversations.history")
def _history(self: Methods, arguments: Arguments) -> dict[str, Any]:
    channel = self.channel(arguments)
    needed = "im:history" if channel.id.startswith("D") else "channels:history"
    if needed not in self.space.scopes:
        raise Refuse("missing_scope", needed=needed, provided=",".join(sorted(self.space.scopes)))
    roots = [
        m for m in channel.messages.values()
        if m.get("thread_ts", m["ts"]) == m["ts"] or m.get("subtype") == "thread_broadcast"
    ]  # fmt: skip
    return _page(sorted(roots, key=lambda message: -float(message["ts"])), arguments, self.space.scopes)


@method("conversations.info", "channels:read")
def _info(self: Methods, arguments: Arguments) -> dict[str, Any]:
    one = self.channel(arguments, member=False)
    flags = {name: getattr(one, name) for name in ("is_private", "is_archived", "is_ext_shared")}
    return {
        "channel": {"id": one.id, "name": one.name, "is_channel": True, "is_member": BOT_USER in one.members, **flags}
    }


@method("conversations.members", "channels:read")
def _members(self: Methods, arguments: Arguments) -> dict[str, Any]:
    return {"members": sorted(self.channel(arguments).members)}


def _reaction(self: Methods, arguments: Arguments, *, add: bool) -> dict[str, Any]:
    channel = self.channel(arguments)
    message = channel.messages.get(str(arguments.get("timestamp", "")))
    if message is None:
        raise Refuse("message_not_found")
    name = str(arguments.get("name", ""))
    there = message.setdefault("reactions", {})
    if add == (BOT_USER in there.get(name, [])):
        raise Refuse("already_reacted" if add else "no_reaction")
    if add:
        there.setdefault(name, []).append(BOT_USER)
    else:
        there[name].remove(BOT_USER)
        if not there[name]:
            del there[name]
    self.space.note("reacted" if add else "unreacted", channel=channel.id, ts=message["ts"], name=name)
    return {}


@method("reactions.add", "reactions:write")
def _react(self: Methods, arguments: Arguments) -> dict[str, Any]:
    return _reaction(self, arguments, add=True)


@method("reactions.remove", "reactions:write")
def _unreact(self: Methods, arguments: Arguments) -> dict[str, Any]:
    return _reaction(self, arguments, add=False)


@method("reactions.get", "reactions:read")
def _reactions(self: Methods, arguments: Arguments) -> dict[str, Any]:
    channel = self.channel(arguments)
    message = channel.messages.get(str(arguments.get("timestamp", "")))
    if message is None:
        raise Refuse("message_not_found")
    there = [
        {"name": name, "users": list(users), "count": len(users)}
        for name, users in message.get("reactions", {}).items()
    ]
    shown = {**deepcopy(message), "reactions": there} if there else deepcopy({**message, "reactions": None})
    return {"type": "message", "channel": channel.id, "message": {k: v for k, v in shown.items() if v is not None}}
