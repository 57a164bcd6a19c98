"""What ``deskhand doctor`` says about Telegram: the token, groups, the webhook, and what waits."""

from __future__ import annotations

from bot import PermanentFailure

from .failures import scrub
from .plain_calls import PlainCalls

MANY = 100
"""Waiting updates that are worth a word."""


def check_up(*, token: str, api_url: str, webhook: str, public: bool) -> str:
    """Prove that the channel can work; raise with a sentence that says what to do. ``webhook`` is empty for polling."""
    plain = PlainCalls(token, api_url)
    me = plain.call("getMe")
    info = plain.call("getWebhookInfo")
    said = [f"@{me.get('username')}: the token is right."]
    if not me.get("can_join_groups", True):
        said.append("It cannot be added to groups (BotFather, /setjoingroups).")
    elif me.get("can_read_all_group_messages"):
        said.append(
            "Privacy mode is off: in groups Telegram sends it every message, and it answers only those that mention it or reply to it."
        )
    else:
        said.append(
            "Privacy mode is on: in groups it hears commands, replies to it and, if it is an admin, mentions. "
            "To hear mentions otherwise: BotFather, /setprivacy, Disable, then add it to the group again."
        )
    set_to, waiting = str(info.get("url") or ""), int(info.get("pending_update_count") or 0)
    if webhook:
        if not public:
            raise PermanentFailure(
                "Telegram calls only https addresses. Set DESKHAND_PUBLIC_URL to one, or DESKHAND_TELEGRAM_MODE to poll."
            )
        if set_to and set_to != webhook:
            raise PermanentFailure(
                "The bot's webhook belongs to another program or address. Start Deskhand to take it, or use another bot."
            )
        if not set_to:
            said.append("The webhook is not set yet: Deskhand does that when it starts.")
        if info.get("last_error_message"):
            said.append(f"Telegram could not call it lately: {scrub(str(info['last_error_message']))}.")
    elif set_to:
        raise PermanentFailure(
            "A webhook is set, so nothing can be polled. Start Deskhand to remove it, unless another program needs this bot: then make "
            "another one with @BotFather."
        )
    if waiting > MANY:
        said.append(f"{waiting:,} updates wait to be fetched.")
    return " ".join(said)
