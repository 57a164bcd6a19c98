"""What ``deskhand doctor`` says about Discord: token, intent, commands, servers, the budget of new sessions."""

from __future__ import annotations

import asyncio
from typing import Any

from bot import DeliveryFailure, PermanentFailure

from .budget import RESERVE
from .failures import INTENT, failure_of
from .setup import COMMANDS

CONTENT_INTENT = 1 << 18 | 1 << 19
"""Flags of an application that may read messages: approved, or small enough to need no approval (resources/application)."""


def check_up(token: str, api_url: str) -> str:
    """Prove that the channel can work; raise with a sentence that says what to do."""
    return asyncio.run(_check_up(token, api_url))


async def _check_up(token: str, api_url: str) -> str:
    from ._rest import Rest

    rest = Rest(token, api_url)
    try:
        return await _looked_at(rest)
    except DeliveryFailure as failure:
        raise PermanentFailure(str(failure)) from None
    except Exception as error:
        raise PermanentFailure(str(failure_of(error))) from None
    finally:
        await rest.close()


async def _looked_at(rest: Any) -> str:
    me = await rest.call("GET", "/users/@me")
    app = await rest.call("GET", "/applications/@me")
    if not int(app.get("flags") or 0) & CONTENT_INTENT:
        raise PermanentFailure(INTENT)
    if app.get("interactions_endpoint_url"):
        raise PermanentFailure(
            "The application sends commands and buttons to an address of its own. On its page (General Information) empty the "
            "field Interactions Endpoint URL, so that they come over the gateway."
        )
    there = await rest.call("GET", "/applications/{application_id}/commands", application_id=app["id"])
    missing = {one["name"] for one in COMMANDS} - {str(one.get("name")) for one in there}
    if missing:
        names = ", ".join(f"/{name}" for name in sorted(missing))
        raise PermanentFailure(f"These commands are not registered: {names}. Run: deskhand discord setup")
    gateway = await rest.call("GET", "/gateway/bot")
    limit = gateway.get("session_start_limit") or {}
    total, left = int(limit.get("total", 1_000)), int(limit.get("remaining", 1_000))
    if left <= total * RESERVE:
        raise PermanentFailure(
            f"Only {left} of {total} new sessions are left for now. Find what restarts the channels process again and again."
        )
    servers = await rest.call("GET", "/users/@me/guilds", query={"limit": "200"})
    where = (
        "no server yet: use the link of deskhand discord setup"
        if not servers
        else (f"{len(servers)} server{'s' if len(servers) > 1 else ''}")
    )
    name = me.get("global_name") or me.get("username") or me["id"]
    return f"{name}: token, intent and commands are right; {left} of {total} new sessions left; {where}."
