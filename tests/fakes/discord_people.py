"""What people do in Discord: they write, change, delete, react, press buttons, use commands and fill in forms."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.discord_rest import Routes
from tests.fakes.discord_state import World, iso


class People:
    """Acts for tests; may be called from any thread."""

    world: World
    routes: Routes

    def wait(self, condition: Callable[[], Any], seconds: float = 20.0) -> Any:
        raise NotImplementedError

    def dm(self, user: str, text: str, **more: Any) -> str:
        """Write to the bot; the message's id."""
        return self.say(user, self.world.dm_of(user), text, **more)

    def say(
        self, user: str, channel: str, text: str, *, files: tuple[tuple[str, bytes, str], ...] = (), **more: Any
    ) -> str:
        """Write somewhere. ``files``: name, bytes, type."""
        attachments = [
            {
                "id": self.world.snowflake(),
                "filename": name,
                "size": len(content),
                "content_type": kind,
                "url": self.routes.keep(name, content),
            }
            for name, content, kind in files
        ]
        return str(self.world.write(channel, user, text, attachments=attachments, **more)["id"])

    def mention(self, user: str, channel: str, text: str) -> str:
        return self.say(user, channel, f"<@{self.world.me}> {text}")

    def edit(self, channel: str, message: str, text: str) -> None:
        with self.world.lock:
            found = self.world.find(channel, message)
            found["content"], found["edited_timestamp"] = text, iso(time.time())
            self.world.tell("MESSAGE_UPDATE", self.world.seen(found, self.world.channels[channel]))

    def delete(self, channel: str, message: str) -> None:
        with self.world.lock:
            del self.world.messages[channel][message]
            self.world.tell("MESSAGE_DELETE", {"id": message, "channel_id": channel})

    def react(self, user: str, channel: str, message: str, emoji: str, *, gone: bool = False) -> None:
        with self.world.lock:
            found = self.world.find(channel, message)
            users = found.setdefault("who_reacted", {}).setdefault(emoji, [])
            data = {"user_id": user, "channel_id": channel, "message_id": message, "emoji": {"id": None, "name": emoji}}
            if gone:
                users.remove(user)
                self.world.tell("MESSAGE_REACTION_REMOVE", data)
            else:
                users.append(user)
                self.world.tell("MESSAGE_REACTION_ADD", {**data, "message_author_id": found["author"]["id"]})

    # Interactions ---------------------------------------------------------------------------------------------------

    def _interact(self, kind: int, user: str, channel: str, data: dict[str, Any], message: str = "") -> str:
        interaction, token = self.world.snowflake(), secrets.token_hex(40)
        where = self.world.channels[channel]
        asked: dict[str, Any] = {
            "id": interaction, "application_id": self.world.app, "type": kind, "token": token, "version": 1, "channel_id": channel,
            "channel": {"id": channel, "type": where["type"]}, "locale": "en-GB", "data": data,
        }  # fmt: skip
        if where.get("guild_id"):
            asked |= {"guild_id": where["guild_id"], "member": {"nick": None, "user": self.world.users[user]}}
        else:
            asked["user"] = self.world.users[user]
        if message:
            asked["message"] = self.world.find(channel, message)
        self.world.interactions[interaction] = {
            "token": token, "at": time.time(), "channel": channel, "user": user, "message": message, "kind": kind,
        }  # fmt: skip
        self.world.note("interaction", id=interaction, type=kind)
        self.world.tell("INTERACTION_CREATE", asked)
        return interaction

    def command(self, user: str, channel: str, name: str, **options: str) -> str:
        """Use a slash command; the interaction's id."""
        data = {
            "id": "1",
            "name": name,
            "type": 1,
            "options": [{"name": key, "type": 3, "value": value} for key, value in options.items()],
        }
        return self._interact(2, user, channel, data)

    def fill_in(self, user: str, channel: str, values: dict[str, str], custom_id: str = "support") -> str:
        """Send a form that was shown."""
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": key, "value": value}]} for key, value in values.items()
        ]
        return self._interact(5, user, channel, {"custom_id": custom_id, "components": rows})

    def support(self, user: str, channel: str, text: str, subject: str = "") -> str:
        """The whole of ``/support``: command, form, text."""
        asked = self.command(user, channel, "support")
        self.wait(lambda: any(one["interaction"] == asked for one in self.world.modals))
        return self.fill_in(user, channel, {"subject": subject, "text": text})

    def press(self, user: str, channel: str, message: str, label: str) -> str:
        for row in self.world.find(channel, message)["components"]:
            for one in row["components"]:
                if one["label"] == label:
                    data = {"custom_id": one["custom_id"], "component_type": 2}
                    return self._interact(3, user, channel, data, message)
        raise AssertionError(f"no button {label}")
