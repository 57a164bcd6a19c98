"""Carrier pigeons: letters come in from a folder, answers fly out into another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from bot import (
    Channel,
    Inbound,
    Inbox,
    Limits,
    MessageView,
    Outbound,
    PermanentFailure,
    PluginInfo,
    Resend,
    Sent,
    Settings,
    TurnContext,
    hookimpl,
    setting,
)

PLUGIN = PluginInfo(title="Carrier pigeons", summary="Letters from a folder, answers into another.")


class Loft(Settings):
    """Where the pigeons live."""

    folder: Path = setting(env="PIGEON_LOFT", help="Folder with letters/ and answers/.")
    signature: str = setting("coo", help="How pigeons end a letter; the AI need not read it.")


class Pigeons(Channel):
    name = "pigeon"
    limits = Limits(max_text=200)
    resend = Resend.STABLE_ID

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def listen(self, inbox: Inbox) -> None:
        while True:
            for letter in sorted((self.folder / "letters").glob("*.txt")):
                sender, _, text = letter.read_text("utf-8").partition("\n")
                key = f"pigeon:{letter.stem}"
                await inbox.receive(Inbound(channel=self.name, key=key, external_id=sender, place=sender, text=text))
                letter.unlink()  # only now: it is committed
            await asyncio.sleep(0.05)

    async def send(self, out: Outbound) -> Sent:
        if out.op != "send":
            raise PermanentFailure("a pigeon cannot be called back")
        (self.folder / "answers" / f"{out.key}.txt").write_text(f"{out.place}\n{out.text}", "utf-8")
        return Sent(out.key)


@hookimpl
def settings_schema() -> type[Loft]:
    return Loft


@hookimpl
def channel(settings: Loft) -> Channel:
    return Pigeons(settings.folder)


@hookimpl
def filter_inbound(settings: Loft, message: MessageView, turn: TurnContext) -> MessageView | None:
    if turn.channel != "pigeon":
        return None
    return replace(message, text=message.text.removesuffix(settings.signature).rstrip())


@hookimpl
def health_check(settings: Loft) -> str:
    if not settings.folder.is_dir():
        raise FileNotFoundError(f"The loft {settings.folder} is not there. Build it.")
    return "the loft is there"
