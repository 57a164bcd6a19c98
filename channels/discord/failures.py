"""What went wrong with a request, in one of the kinds the outbox knows. Nothing of a request, and so no token, gets into the words."""

from __future__ import annotations

from bot import ChannelDown, DeliveryFailure, PermanentFailure, TemporaryFailure, Uncertain

_ROLE = "Ask an admin of the server to give the bot the permissions of the invite link again (deskhand discord setup prints it)."

PERMANENT = {
    10003: "The channel or thread is not there any more: somebody deleted it in Discord.",
    10008: "The message is not there any more: somebody deleted it in Discord. Write a new one instead.",
    10014: "Discord does not know this emoji. Use a standard one.",
    20009: "Discord does not deliver explicit content to this person.",
    30010: "The message has as many different reactions as Discord allows.",
    30046: "The message was changed too often; Discord allows no more changes within the hour. Write a new one instead.",
    40005: "The file is larger than Discord takes. Send a link instead.",
    50001: f"The bot cannot see the channel. {_ROLE}",
    50005: "Discord lets nobody change a message of somebody else.",
    50006: "There is nothing in the message that Discord could show.",
    50007: "The customer takes no direct messages from the bot: they blocked it, or left the last server they share with it. "
    "Reach them in another way.",
    50013: f"The bot may not do this here. {_ROLE}",
    50024: "This cannot be done in this kind of channel.",
    50035: "Discord does not accept the form of this message. Please report this with the delivery's key.",
    50055: "The server is not there any more, or the bot was removed from it.",
    50083: "The thread is in the archive and could not be opened again.",
    50278: "The customer shares no server with the bot any more, so it cannot write to them. Reach them in another way.",
    90001: "The customer blocked the bot, so it cannot react to their messages.",
    160005: "The thread is locked: a moderator of the server decided that nobody writes there any more.",
    200000: "The server's automatic moderation blocked the message.",
    200001: "The server's automatic moderation blocked the message.",
}  # fmt: skip
LOCKED = "The thread is locked: only a moderator of the server can open it again."
UNKNOWN_BOT = (
    "Discord does not accept the bot's token. Make a new one on the application's page (Bot, Reset Token) and set "
    "DISCORD_BOT_TOKEN. Nothing is lost: what is to be sent waits."
)
INTENT = (
    "The bot may not read messages: on discord.com/developers open the application, Bot, and switch on Message Content Intent "
    "(under Privileged Gateway Intents). Then it connects by itself; what is to be sent waits."
)


class Refusal(Exception):
    """Discord understood the request and said no. ``code`` is its own number of the reason, 0 if it gave none."""

    def __init__(self, status: int, code: int, what: str) -> None:
        super().__init__(f"{what}: status {status}, code {code}")
        self.status, self.code = status, code


def failure_of(error: BaseException) -> DeliveryFailure:
    """Say which kind an exception is. The outbox decides what follows."""
    if isinstance(error, DeliveryFailure):
        return error
    if isinstance(error, Refusal):
        if error.status == 401:
            return ChannelDown(UNKNOWN_BOT)
        if not error.code and error.status != 413:
            # Not Discord's own answer: something on the way, or an address that is not quite right.
            return TemporaryFailure(f"something else than Discord answered (status {error.status})")
        words = PERMANENT.get(40005 if error.status == 413 else error.code)
        if words:
            return PermanentFailure(f"{words} ({error.code})")
        return PermanentFailure(f"Discord refused it (status {error.status}, code {error.code}). Nothing was sent.")
    return Uncertain(f"the connection to Discord broke ({type(error).__name__})")
