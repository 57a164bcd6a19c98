"""What went wrong, in one of the kinds the outbox knows. Nothing of a request, and so no token, gets into the words."""

from __future__ import annotations

import re

from bot import ChannelDown, DeliveryFailure, PermanentFailure, TemporaryFailure, Uncertain

RENEW = (
    "Telegram refuses the bot's token. Copy it again from @BotFather (or make a new one with /token) and set TELEGRAM_BOT_TOKEN. "
    "Nothing is lost meanwhile: messages wait."
)
_TOKEN = re.compile(r"\d{4,20}(?::|%3[aA])[A-Za-z0-9_-]{8,}")

WORDS = (
    ("bot was blocked by the user", "The person has blocked the bot. They can write again at any time; until then nothing reaches them."),
    ("user is deactivated", "The person has deleted their Telegram account. Nothing reaches them there any more."),
    ("bot can't initiate conversation", "The person has not begun a chat with the bot, and a bot may not write first."),
    ("bot was kicked", "The bot was removed from the group. Somebody there must add it again."),
    ("bot is not a member", "The bot is not in the group any more. Somebody there must add it again."),
    ("chat_write_forbidden", "The bot may not write in this group. An admin of the group can allow it."),
    ("not enough rights", "The bot may not do this in the group. An admin of the group can allow it."),
    ("have no rights to send", "The bot may not write in this group. An admin of the group can allow it."),
    ("topic_closed", "The topic was closed. An admin of the group can open it again."),
    ("message thread not found", "The topic is not there any more: somebody deleted it."),
    ("chat not found", "Telegram does not know this chat any more: the person or the group is gone, or never wrote to this bot."),
    ("peer_id_invalid", "Telegram does not know this chat any more: the person or the group is gone, or never wrote to this bot."),
    ("message to edit not found", "The message is not there any more: it was deleted in Telegram. Write a new one instead."),
    ("message can't be edited", "Telegram lets nobody change this message any more. Write a new one instead."),
    ("message can't be deleted", "Telegram deletes a bot's messages only within 48 hours. It stays; the customer can delete it."),
    ("message to react not found", "The message is not there any more, so nothing can be put on it."),
    ("reaction_invalid", "Telegram does not allow this emoji as a reaction here. Write it as a message instead."),
    ("message is too long", "The message is longer than Telegram takes. Shorten it and send it again."),
    ("text must be non-empty", "There is no text to send."),
    ("message text is empty", "There is no text to send."),
    ("file is too big", "The file is larger than Telegram takes from a bot (50 MB). Send a link instead."),
    ("wrong file", "Telegram does not accept this file. Send it in another format or as a link."),
)  # fmt: skip


def scrub(text: str) -> str:
    """Words of the SDK or the platform without a token."""
    return _TOKEN.sub("…", text)[:300]


def seconds_of(error: BaseException) -> float:
    """How long the platform asks to wait, for a ``RetryAfter``."""
    value = getattr(error, "retry_after", 1)
    seconds = value.total_seconds() if hasattr(value, "total_seconds") else float(value)
    return float(max(1.0, min(seconds, 3600.0)))


def failure_of(error: BaseException) -> DeliveryFailure:
    """Say which kind an exception of the SDK is. The outbox decides what follows."""
    import httpx
    from telegram import error as sdk

    if isinstance(error, DeliveryFailure):
        return error
    if isinstance(error, sdk.RetryAfter):
        return TemporaryFailure("Telegram asked for a pause", seconds_of(error))
    if isinstance(error, (sdk.InvalidToken, sdk.EndPointNotFound)):
        return ChannelDown(RENEW)
    if isinstance(error, (sdk.Forbidden, sdk.BadRequest)):
        return refusal(str(error))
    # The SDK's classes cannot tell whether a byte left; what lies under them can (its source: request/_httpxrequest.py).
    cause = error.__cause__
    if isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)):
        return TemporaryFailure("Telegram cannot be reached (no connection)")
    if isinstance(error, (sdk.TimedOut, TimeoutError)):
        return Uncertain("Telegram did not answer in time")
    if isinstance(error, sdk.NetworkError) and cause is None:
        return Uncertain(f"Telegram had a fault of its own ({scrub(str(error))[:80]})")
    return Uncertain(f"the connection to Telegram broke ({type(cause or error).__name__})")


def refusal(said: str) -> PermanentFailure:
    """Telegram will never take it: why, in words that help."""
    lower = said.lower()
    for part, words in WORDS:
        if part in lower:
            return PermanentFailure(words)
    return PermanentFailure(f"Telegram refused it: {scrub(said)}. Nothing was sent.")
