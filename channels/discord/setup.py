"""The invite link with exactly the permissions that are used, and the commands. Doing it again changes nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

PERMISSIONS = {
    "add reactions": 1 << 6,
    "view channels": 1 << 10,
    "send messages": 1 << 11,
    "attach files": 1 << 15,
    "read message history": 1 << 16,
    "use slash commands": 1 << 31,
    "create public threads": 1 << 35,
    "create private threads": 1 << 36,
    "send messages in threads": 1 << 38,
}
"""Named as on Discord's pages (topics/permissions). Manage Threads is not asked for: what a moderator locked stays locked."""
EVERYWHERE = {"contexts": [0, 1], "integration_types": [0]}
"""In servers and in direct messages with the bot."""
COMMANDS: tuple[dict[str, Any], ...] = (
    {
        "name": "support",
        "type": 1,
        "description": "Ask for support. The answer comes in a thread of your own.",
        **EVERYWHERE,
    },
    {"name": "person", "type": 1, "description": "Talk to a person.", **EVERYWHERE},
    {"name": "new", "type": 1, "description": "Begin a new conversation.", **EVERYWHERE},
    {
        "name": "continue",
        "type": 1,
        "description": "Go on here with a conversation from elsewhere, or get a code to go on elsewhere.",
        "options": [
            {
                "name": "code",
                "type": 3,
                "description": "The code, if you have one.",
                "required": False,
                "max_length": 40,
            }
        ],
        **EVERYWHERE,
    },
)


def invite_link(application: str) -> str:
    """The page on which an admin of a server adds the bot."""
    query = {
        "client_id": application,
        "scope": "bot applications.commands",
        "permissions": str(sum(PERMISSIONS.values())),
    }
    return f"https://discord.com/oauth2/authorize?{urlencode(query)}"


async def register(rest: Any, application: str, guild: str = "") -> list[str]:
    """Register what is missing or different, for all servers or for one; the names of what was changed.

    Commands of others in the same application are left alone.
    """
    named = {"application_id": application, **({"guild_id": guild} if guild else {})}
    path = "/applications/{application_id}" + ("/guilds/{guild_id}" if guild else "") + "/commands"
    there = {str(one.get("name")): one for one in await rest.call("GET", path, **named)}
    changed = []
    for command in COMMANDS:
        wanted = {key: value for key, value in command.items() if not (guild and key in EVERYWHERE)}
        if not _same(wanted, there.get(command["name"])):
            await rest.call("POST", path, body=wanted, **named)  # takes the place of one with the same name
            changed.append(str(command["name"]))
    return changed


async def unregister(rest: Any, application: str, guild: str) -> list[str]:
    """Take our commands out of one server again; the names of what was removed."""
    named = {"application_id": application, "guild_id": guild}
    path = "/applications/{application_id}/guilds/{guild_id}/commands"
    ours = {str(one["name"]) for one in COMMANDS}
    removed = []
    for one in await rest.call("GET", path, **named):
        if one.get("name") in ours:
            await rest.call("DELETE", path + "/{command_id}", command_id=str(one["id"]), **named)
            removed.append(str(one["name"]))
    return removed


def _same(wanted: dict[str, Any], there: Any) -> bool:
    """Discord adds fields of its own and leaves out what is false."""
    if not isinstance(there, dict):
        return False
    for key, value in wanted.items():
        found = there.get(key)
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            inner = found if isinstance(found, list) else []
            if len(inner) != len(value) or not all(_same(one, other) for one, other in zip(value, inner, strict=True)):
                return False
        elif isinstance(value, list):
            if sorted(found or []) != sorted(value):
                return False
        elif found != value and not (found is None and value is False):
            return False
    return True
