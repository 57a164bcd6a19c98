"""A desk on :mod:`whiteboard`, as a stranger would write it: imports from ``bot`` only. It passes the kit that Slack passes."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Literal

from bot import (
    Action,
    Attachment,
    Card,
    ChannelDown,
    Desk,
    DeskCapability,
    DeskEvent,
    DeskInbox,
    DeskPost,
    Heading,
    Limits,
    Page,
    PermanentFailure,
    Posted,
    Presses,
    Resend,
    Row,
    TemporaryFailure,
    Uncertain,
    Wanted,
    Words,
)

KINDS: dict[str, Literal["reply", "edit", "delete", "action", "press"]] = {
    "note": "reply",
    "edit": "edit",
    "delete": "delete",
    "press": "action",
    "deed": "press",
}


class Corkboard(Desk):
    name = "corkboard"
    capabilities = frozenset(DeskCapability)
    limits = Limits(max_text=1_000, timeout=2.0)
    resend = Resend.READBACK

    def __init__(self, port: int, token: str, place: str = "wall-1") -> None:
        self.port, self.token, self.place = port, token, place

    # In

    async def listen(self, inbox: DeskInbox) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            writer.write(json.dumps({"do": "listen", "token": self.token}).encode() + b"\n")
            await inbox.connected(True)
            async for line in reader:
                said = json.loads(line)
                if "error" in said:
                    raise ChannelDown("The board refuses the token. Make a new one and set CORKBOARD_TOKEN.")
                await self.heard(inbox, said["event"])
                writer.write(json.dumps({"ack": said["event"]["id"]}).encode() + b"\n")
        finally:
            writer.close()
            await inbox.connected(False)

    async def heard(self, inbox: DeskInbox, event: dict[str, Any]) -> None:
        if event["kind"] == "visit":
            await self.show(inbox, event["who"])
        read = self.read(event)
        if read is None:
            return
        (answer,) = await inbox.receive(read)
        if answer.aside:
            await self.ask("whisper", thread=read.thread, who=read.who, text=answer.aside)
        if read.kind == "press":
            await self.show(inbox, read.who)

    async def show(self, inbox: DeskInbox, who: str) -> None:
        page = await inbox.page(Wanted(desk=self.name, who=who, name="inbox"))
        await self.ask("inbox", who=who, page=page.name, lines=self.lines(page), buttons=self.buttons(page))

    def lines(self, page: Page) -> list[str]:
        found = []
        for part in page.parts:
            if isinstance(part, (Words, Heading)):
                found.append(part.text)
            elif isinstance(part, Row):
                found += [part.title, part.text, part.quiet]
        return [one for one in found if one]

    def buttons(self, page: Page) -> list[dict[str, str]]:
        presses = [one for part in page.parts if isinstance(part, (Presses, Row)) for one in part.presses]
        return [{"label": one.label, "what": one.what, "value": one.value or page.value} for one in presses]

    def read(self, event: dict[str, Any]) -> DeskEvent | None:
        kind = KINDS.get(event["kind"])
        if kind is None or event["who"] == "board:bot":
            return None
        file = event.get("file")
        return DeskEvent(
            desk=self.name,
            key=f"corkboard:{event['id']}",
            kind=kind,
            who=event["who"],
            trusted=not event["guest"],
            place=self.place,
            thread=event["thread"],
            message=event.get("of", event["id"]),
            text=event["text"],
            files=(Attachment(name=file["name"], content=base64.b64decode(file["bytes"])),) if file else (),
            action=Action(event["action"]) if "action" in event else None,
            what=event.get("what", ""),
            value=event.get("value", ""),
            page=event.get("page", ""),
        )

    # Out

    async def post(self, post: DeskPost) -> Posted:
        if post.op in {"aside", "direct"}:
            text = "\n".join(self.lines(post.page)) if post.page else post.text
            how = "whisper" if post.op == "aside" else "letter"
            answer = await self.ask(how, thread=post.thread, who=post.person, text=text, key=post.key)
        elif post.op == "mark":
            answer = await self.ask("mark", thread=post.thread, id=post.subject, text=post.mark)
        elif post.subject:
            text, buttons = self.face(post)
            how = "edit" if post.op == "card" else post.op
            answer = await self.ask("change", thread=post.thread, id=post.subject, how=how, text=text, buttons=buttons)
        else:
            text, buttons = self.face(post)
            files = [{"name": one.name, "bytes": base64.b64encode(one.content).decode()} for one in post.files]
            answer = await self.ask("send", thread=post.thread, key=post.key, text=text, buttons=buttons, files=files)
        return Posted(answer["id"], answer["thread"])

    def face(self, post: DeskPost) -> tuple[str, list[dict[str, str]]]:
        if post.card is None:
            return post.text, []
        buttons = [{"label": str(action), "action": str(action)} for action in post.card.actions]
        return self.card(post.card), buttons

    def card(self, card: Card) -> str:
        lines = [f"#{card.ticket} {card.customer}: {card.state}", card.reason, card.summary]
        if card.assignee:
            lines.append(f"{card.assignee} is on it")
        return "\n".join(line for line in lines if line)[:1_000]

    async def find(self, key: str, place: str, thread: str) -> Posted | None:
        found = await self.ask("find", key=key)
        return Posted(found["id"], found["thread"]) if found["id"] else None

    async def ask(self, do: str, **more: Any) -> dict[str, Any]:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        except OSError:
            raise TemporaryFailure("the board cannot be reached") from None
        try:
            writer.write(json.dumps({"do": do, "token": self.token, **more}).encode() + b"\n")
            async with asyncio.timeout(self.limits.timeout):
                answer: dict[str, Any] = json.loads(await reader.readline() or "{}")
        except (OSError, TimeoutError) as error:
            raise Uncertain(f"the board did not answer ({type(error).__name__})") from None
        finally:
            writer.close()
        return self.judged(answer)

    def judged(self, answer: dict[str, Any]) -> dict[str, Any]:
        error = answer.get("error")
        if error == "token":
            raise ChannelDown("The board refuses the token. Make a new one and set CORKBOARD_TOKEN.")
        if error == "slow down":
            raise TemporaryFailure("the board asks for a pause", answer["seconds"])
        if error == "fault" or not answer:
            raise Uncertain("the board had a fault of its own")
        if error:
            raise PermanentFailure(f"the board refused it: {error}")
        return answer
