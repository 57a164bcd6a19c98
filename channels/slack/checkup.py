"""What ``deskhand doctor`` says about Slack: tokens, scopes, the channel, the clock."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

from bot import PermanentFailure

from .failures import failure_of
from .scopes import missed, missing_scopes

SKEW = 60.0
"""Seconds that this machine's clock may differ from Slack's."""


def check_up(*, bot_token: str, app_token: str, place: str, api_url: str) -> str:
    """Prove that the desk can work; raise with a sentence that says what to do."""
    from slack_sdk import WebClient

    from ._web import ADDRESS, is_loopback, quiet_logger

    address = api_url or ADDRESS
    client = WebClient(token=bot_token, base_url=address, timeout=3, retry_handlers=[], logger=quiet_logger())
    if is_loopback(address):
        client.proxy = None
    me = _ask(client.auth_test, "bot token")
    missing = missing_scopes(me.headers)
    if missing:
        raise PermanentFailure(
            f"The app lacks the scopes {', '.join(missing)}. Add them on its page (OAuth & Permissions) and install it again."
        )
    skew = _skew(me.headers)
    if abs(skew) > SKEW:
        raise PermanentFailure(
            f"This machine's clock is {skew:+.0f} s off Slack's. Set it right, for example with NTP."
        )
    channel = _ask(lambda: client.conversations_info(channel=place), "channel")["channel"]
    name = channel.get("name") or place
    if channel.get("is_archived"):
        raise PermanentFailure(
            f"The channel #{name} is archived. Take it out of the archive, or set another SLACK_CHANNEL."
        )
    if not channel.get("is_member"):
        raise PermanentFailure(
            f"The app is not in #{name}. In that channel write: /invite @{me.get('user') or 'Deskhand'}"
        )
    _ask(lambda: client.apps_connections_open(app_token=app_token), "app-level token")
    shared = (
        " It is shared with another company: their people see customers' words." if channel.get("is_ext_shared") else ""
    )
    less = "".join(f" Without the scope {one} {what}." for one, what in missed(me.headers).items())
    if less:
        less += " Add what you want on the app's page (OAuth & Permissions) and install it again."
    return f"{me.get('team') or me['team_id']}, #{name}: tokens, scopes, channel and clock are right.{shared}{less}"


def _ask(call: Any, what: str) -> Any:
    try:
        return call()
    except OSError:
        raise PermanentFailure(
            "Slack cannot be reached from here. Check the network, or DESKHAND_SLACK_API_URL."
        ) from None
    except Exception as error:
        raise PermanentFailure(f"The {what} does not work. {failure_of(error)}") from None


def _skew(headers: Any) -> float:
    """This clock minus Slack's, in seconds; 0 when Slack's is not told."""
    said = {name.lower(): value for name, value in headers.items()}.get("date", "")
    try:
        return time.time() - parsedate_to_datetime(said).timestamp()
    except (TypeError, ValueError):
        return 0.0
