"""Discord's REST routes, as the bot sees them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.discord_limits import pings, wrong_message
from tests.fakes.discord_state import DM, PRIVATE_THREAD, PUBLIC_THREAD, TEXT, THREADS, Refuse, World, iso

Body = dict[str, Any]
Files = list[tuple[str, bytes]]
ACK_WITHIN = 3.0
EPHEMERAL = 64


class Routes:
    """One method per route. ``call`` finds it; the first group of a path is its channel, server or application."""

    def __init__(self, world: World, gateway: Any) -> None:
        self.world = world
        self.gateway = gateway
        self.ack_within = ACK_WITHIN
        table: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "/users/@me", self.me),
            ("GET", "/applications/@me", self.application),
            ("GET", "/oauth2/applications/@me", self.application),
            ("GET", "/users/@me/guilds", self.my_guilds),
            ("GET", "/gateway/bot", self.gateway_bot),
            ("POST", "/users/@me/channels", self.open_dm),
            ("GET", "/channels/*", self.channel),
            ("PATCH", "/channels/*", self.change_channel),
            ("GET", "/channels/*/messages", self.history),
            ("POST", "/channels/*/messages", self.send),
            ("GET", "/channels/*/messages/*", self.message),
            ("PATCH", "/channels/*/messages/*", self.edit),
            ("DELETE", "/channels/*/messages/*", self.delete),
            ("PUT", "/channels/*/messages/*/reactions/*/@me", self.react),
            ("DELETE", "/channels/*/messages/*/reactions/*/@me", self.unreact),
            ("POST", "/channels/*/messages/*/threads", self.thread_under),
            ("POST", "/channels/*/threads", self.thread),
            ("PUT", "/channels/*/thread-members/*", self.add_member),
            ("POST", "/channels/*/typing", self.typing),
            ("GET", "/guilds/*/threads/active", self.active_threads),
            ("POST", "/interactions/*/*/callback", self.callback),
            ("POST", "/webhooks/*/*", self.follow_up),
            ("PATCH", "/webhooks/*/*/messages/@original", self.change_original),
            ("GET", "/applications/*/commands", self.commands),
            ("POST", "/applications/*/commands", self.register),
            ("GET", "/applications/*/guilds/*/commands", self.commands),
            ("POST", "/applications/*/guilds/*/commands", self.register),
            ("DELETE", "/applications/*/guilds/*/commands/*", self.unregister),
        ]
        self.table = [
            (method, name, re.compile(re.escape(name).replace(r"\*", "([^/]+)") + r"\Z"), work)
            for method, name, work in table
        ]

    def find(self, method: str, path: str) -> tuple[str, tuple[str, ...], Callable[..., Any]]:
        for wanted, name, pattern, work in self.table:
            found = pattern.match(path)
            if wanted == method and found:
                return f"{method} {name}", found.groups(), work
        raise Refuse(404, 0, "404: Not Found")

    # Who and where --------------------------------------------------------------------------------------------------

    def me(self, **_: Any) -> Body:
        return self.world.users[self.world.me]

    def application(self, **_: Any) -> Body:
        return {
            "id": self.world.app, "name": "Deskhand", "flags": self.world.flags, "bot": self.world.users[self.world.me], "icon": None,
            "description": "", "bot_public": True, "bot_require_code_grant": False, "verify_key": "", "summary": "",
            "owner": self.world.users[self.world.me], "team": None, "rpc_origins": [], "hook": True,
        }  # fmt: skip

    def my_guilds(self, **_: Any) -> list[Body]:
        return [{"id": guild, "name": name} for guild, name in self.world.guilds.items()]

    def gateway_bot(self, **_: Any) -> Body:
        gateway = self.gateway
        limit = {
            "total": gateway.total,
            "remaining": gateway.remaining,
            "reset_after": int(gateway.reset_after * 1000),
            "max_concurrency": 1,
        }
        return {"url": gateway.url, "shards": 1, "session_start_limit": limit}

    def open_dm(self, *, body: Body, **_: Any) -> Body:
        return self.world.channels[self.world.dm_of(str(body["recipient_id"]))]

    def _channel(self, channel: str) -> Body:
        found = self.world.channels.get(channel)
        if found is None:
            raise Refuse(404, 10003, "Unknown Channel")
        code = self.world.denied.get(channel)
        if code:
            raise Refuse(403, code, "Missing Access")
        return found

    def channel(self, channel: str, **_: Any) -> Body:
        return self._channel(channel)

    def change_channel(self, channel: str, *, body: Body, **_: Any) -> Body:
        found = self._channel(channel)
        if found["type"] in THREADS and found["thread_metadata"]["locked"]:
            raise Refuse(403, 50013, "Missing Permissions")
        if found["type"] in THREADS and "archived" in body:
            found["thread_metadata"]["archived"] = body["archived"]
            self.world.note("unarchived" if not body["archived"] else "archived", channel=channel)
        return found

    # Messages -------------------------------------------------------------------------------------------------------

    def history(self, channel: str, *, query: Body, **_: Any) -> list[Body]:
        self._channel(channel)
        limit = int(query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise Refuse(400, 50035, "Invalid Form Body")
        found = sorted(self.world.messages[channel].values(), key=lambda one: int(one["id"]))
        found = (
            [one for one in found if int(one["id"]) > int(query["after"])][:limit]
            if "after" in query
            else found[-limit:]
        )
        return [self._shown(one) for one in reversed(found)]

    def _shown(self, message: Body) -> Body:
        hidden = set() if self.world.nonces_in_history else {"nonce"}
        return {key: value for key, value in message.items() if key not in hidden}

    def message(self, channel: str, message: str, **_: Any) -> Body:
        self._channel(channel)
        found = self._shown(self.world.find(channel, message))
        counts = found.pop("who_reacted", {})
        found["reactions"] = [
            {"emoji": {"id": None, "name": emoji}, "count": len(users), "me": self.world.me in users}
            for emoji, users in counts.items()
            if users
        ]
        return found

    def _may_write(self, channel: str, *, changing: bool = False) -> Body:
        where = self._channel(channel)
        if where["type"] == DM and where["recipients"][0]["id"] in self.world.closed_dms:
            raise Refuse(403, 50007, "Cannot send messages to this user")
        if where["type"] in THREADS:
            meta = where["thread_metadata"]
            if meta["archived"] and meta["locked"]:
                raise Refuse(403, 50083 if changing else 160005, "Thread is locked")
            if meta["archived"] and changing:
                raise Refuse(400, 50083, "Thread is archived")
            meta["archived"] = False
        return where

    def send(self, channel: str, *, body: Body, files: Files = (), **_: Any) -> Body:  # type: ignore[assignment]
        where = self._may_write(channel)
        wrong = wrong_message(body, files=len(files))
        if wrong:
            self.world.note("refused_message", why=wrong, body=body)
            raise Refuse(400, 50006 if wrong == "empty" else 50035, wrong)
        if any(len(content) > 10_485_760 for _, content in files):
            raise Refuse(413, 40005, "Request entity too large")
        nonce = str(body.get("nonce") or "")
        if nonce and body.get("enforce_nonce"):
            known = self.world.nonces.get(nonce)
            if known and time.time() - known[2] < self.world.nonce_window:
                self.world.note("nonce_again", nonce=nonce, channel=channel)
                return self.world.find(known[0], known[1])
        attachments = [
            {
                "id": self.world.snowflake(),
                "filename": name,
                "size": len(content),
                "url": self.keep(name, content),
                "content_type": "application/octet-stream",
            }
            for name, content in files
        ]
        self.world.note("pings", who=pings(body), channel=channel)
        made = self.world.write(
            channel, self.world.me, body.get("content") or "", nonce=nonce, components=body.get("components") or [],
            flags=body.get("flags") or 0, attachments=attachments, **({"message_reference": body["message_reference"]} if body.get("message_reference") else {}),
        )  # fmt: skip
        if nonce:
            self.world.nonces[nonce] = (channel, made["id"], time.time())
        if where["type"] == PRIVATE_THREAD:
            where["members"] += [user for user in pings(body) if user not in where["members"]]
        return made

    def keep(self, name: str, content: bytes) -> str:
        """Store a file; its address."""
        number = self.world.snowflake()
        self.world.files[number] = content
        return f"{self.world.cdn}/attachments/{number}/{name}"

    def edit(self, channel: str, message: str, *, body: Body, **_: Any) -> Body:
        where = self._may_write(channel, changing=True)
        found = self.world.find(channel, message)
        if found["author"]["id"] != self.world.me:
            raise Refuse(403, 50005, "Cannot edit a message authored by another user")
        wrong = wrong_message(body, creating=False)
        if wrong:
            self.world.note("refused_message", why=wrong, body=body)
            raise Refuse(400, 50035, wrong)
        self.world.note("pings", who=pings(body), channel=channel)
        self.world.note("edit", channel=channel, id=message, content=body.get("content"))
        found |= {key: body[key] for key in ("content", "components", "flags") if key in body}
        found["edited_timestamp"] = iso(time.time())
        self.world.tell("MESSAGE_UPDATE", self.world.seen(found, where))
        return found

    def delete(self, channel: str, message: str, **_: Any) -> None:
        self._may_write(channel, changing=True)
        self.world.find(channel, message)
        del self.world.messages[channel][message]
        self.world.note("delete", channel=channel, id=message)
        self.world.tell("MESSAGE_DELETE", {"id": message, "channel_id": channel})

    def react(self, channel: str, message: str, emoji: str, **_: Any) -> None:
        self._may_write(channel, changing=True)
        if emoji.isascii():
            raise Refuse(400, 10014, "Unknown Emoji")
        self.world.find(channel, message).setdefault("who_reacted", {}).setdefault(emoji, []).append(self.world.me)
        self.world.note("reaction", channel=channel, id=message, emoji=emoji)

    def unreact(self, channel: str, message: str, emoji: str, **_: Any) -> None:
        users = self.world.find(channel, message).setdefault("who_reacted", {}).get(emoji, [])
        if self.world.me in users:
            users.remove(self.world.me)
        self.world.note("reaction_gone", channel=channel, id=message, emoji=emoji)

    def typing(self, channel: str, **_: Any) -> None:
        self._may_write(channel)
        self.world.note("typing", channel=channel)

    # Threads --------------------------------------------------------------------------------------------------------

    def thread_under(self, channel: str, message: str, *, body: Body, **_: Any) -> Body:
        where = self._channel(channel)
        self.world.find(channel, message)
        if where["type"] != TEXT:
            raise Refuse(400, 50024, "Cannot execute action on this channel type")
        if message in self.world.channels:
            raise Refuse(400, 160004, "A thread has already been created for this message")
        _name(body)
        return self.world.add_thread(channel, message, PUBLIC_THREAD, body["name"], self.world.me)

    def thread(self, channel: str, *, body: Body, **_: Any) -> Body:
        where = self._channel(channel)
        if where["type"] != TEXT:
            raise Refuse(400, 50024, "Cannot execute action on this channel type")
        _name(body)
        return self.world.add_thread(channel, self.world.snowflake(), body["type"], body["name"], self.world.me)

    def add_member(self, thread: str, user: str, **_: Any) -> None:
        members = self._channel(thread)["members"]
        if user not in members:
            members.append(user)

    def active_threads(self, guild: str, **_: Any) -> Body:
        found = [
            one
            for one in self.world.channels.values()
            if one["type"] in THREADS and one["guild_id"] == guild and not one["thread_metadata"]["archived"]
        ]
        return {"threads": found, "members": []}

    # Interactions ---------------------------------------------------------------------------------------------------

    def callback(self, interaction: str, token: str, *, body: Body, **_: Any) -> None:
        asked = self.world.interactions.get(interaction)
        if (
            asked is None
            or asked["token"] != token
            or (not asked.get("acked") and time.time() - asked["at"] > self.ack_within)
        ):
            self.world.note("interaction_expired", id=interaction)
            raise Refuse(404, 10062, "Unknown interaction")
        if asked.get("acked"):
            raise Refuse(400, 40060, "Interaction has already been acknowledged")
        if body["type"] in {6, 7} and asked["kind"] != 3:
            raise Refuse(400, 50035, "Invalid Form Body")
        asked["acked"], asked["flags"] = body["type"], int((body.get("data") or {}).get("flags") or 0)
        self.world.note("interaction_acked", id=interaction, type=body["type"], seconds=time.time() - asked["at"])
        data = body.get("data") or {}
        if body["type"] == 9:
            self.world.modals.append({"interaction": interaction, **data})
        elif body["type"] == 7:
            message = self.world.find(asked["channel"], asked["message"])
            message |= {key: data[key] for key in ("content", "components") if key in data}
        elif body["type"] == 4:
            self._say(asked, data)

    def _say(self, asked: Body, data: Body) -> None:
        if int(data.get("flags") or 0) & EPHEMERAL:
            self.world.ephemerals.append({"user": asked["user"], "channel": asked["channel"], **data})
        else:
            self.world.write(asked["channel"], self.world.me, data["content"])

    def _by_token(self, token: str) -> Body:
        for asked in self.world.interactions.values():
            if asked["token"] == token:
                return asked
        raise Refuse(404, 10015, "Unknown Webhook")

    def follow_up(self, app: str, token: str, *, body: Body, **_: Any) -> Body:
        asked = self._by_token(token)
        if not asked.get("acked"):
            raise Refuse(404, 10015, "Unknown Webhook")
        self._say(asked, body)
        return {"id": self.world.snowflake()}

    def change_original(self, app: str, token: str, *, body: Body, **_: Any) -> Body:
        asked = self._by_token(token)
        if not asked.get("acked"):
            raise Refuse(404, 10015, "Unknown Webhook")
        if asked["acked"] in {6, 7}:  # then the original is the message with the button
            message = self.world.find(asked["channel"], asked["message"])
            message |= {key: body[key] for key in ("content", "components") if key in body}
        else:
            self._say(asked, {**body, "flags": asked["flags"]})
        return {"id": self.world.snowflake()}

    # Commands -------------------------------------------------------------------------------------------------------

    def commands(self, app: str, guild: str = "", **_: Any) -> list[Body]:
        return list(self.world.commands[guild].values())

    def register(self, app: str, guild: str = "", *, body: Body, **_: Any) -> Body:
        known = self.world.commands[guild].get(body["name"], {})
        made = {
            "id": known.get("id") or self.world.snowflake(),
            "version": self.world.snowflake(),
            "nsfw": False,
            **body,
        }
        for option in made.get("options", []):
            if option.get("required") is False:  # as Discord: what is false is left out
                del option["required"]
        self.world.commands[guild][body["name"]] = made
        self.world.note("command", name=body["name"], guild=guild)
        return made

    def unregister(self, app: str, guild: str, command: str, **_: Any) -> None:
        there = self.world.commands[guild]
        for name in [name for name, one in there.items() if one["id"] == command]:
            del there[name]


def _name(body: Body) -> None:
    if not 1 <= len(body.get("name") or "") <= 100:
        raise Refuse(400, 50035, "Invalid Form Body: name")
