"""A channel to :mod:`exchange` with every capability, as a stranger would write it: imports from ``bot`` only."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from bot import (
    Attachment,
    Capability,
    Channel,
    ChannelDown,
    Draft,
    Inbound,
    Inbox,
    Limits,
    Outbound,
    PermanentFailure,
    Receipt,
    Resend,
    Sent,
    TemporaryFailure,
    Uncertain,
)


class Pager(Channel):
    name = "pager"
    capabilities = frozenset(
        {
            Capability.EDIT,
            Capability.DELETE,
            Capability.REACTIONS,
            Capability.FILES,
            Capability.BUTTONS,
            Capability.TYPING,
            Capability.DRAFT,
        }
    )
    limits = Limits(max_text=500, unit="utf16", max_file_bytes=100_000, draft_every=0.05, timeout=2.0)
    resend = Resend.NONCE

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token

    # In

    async def listen(self, inbox: Inbox) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            writer.write(json.dumps({"do": "listen", "token": self.token}).encode() + b"\n")
            async for line in reader:
                said = json.loads(line)
                if "error" in said:
                    raise ChannelDown("The exchange refuses the token. Make a new one and set PAGER_TOKEN.")
                await self.heard(inbox, said["event"])
                writer.write(json.dumps({"ack": said["event"]["id"]}).encode() + b"\n")
        finally:
            writer.close()

    async def heard(self, inbox: Inbox, event: dict[str, Any]) -> None:
        inbound = None if event["person"] == "bot" else self.understood(event)
        if inbound is None:
            return
        (outcome,) = await inbox.receive(inbound)
        if inbound.kind == "button" and isinstance(outcome, Receipt):
            await self.pressed(event, outcome)

    async def pressed(self, event: dict[str, Any], receipt: Receipt) -> None:
        if not receipt.stays:
            await self.ask("change", event["place"], how="bare", id=event["under"], text="")

    def understood(self, event: dict[str, Any]) -> Inbound | None:
        more: dict[str, Any] = {"text": event.get("text", "")}
        key = self.key(event)
        if event["kind"] in {"edit", "delete"}:
            more |= {"subject": key, "kind": event["kind"]}
            key += f":c{event['change']}"
        elif event["kind"] in {"reaction", "button"}:
            more |= {"subject": event.get("subject", ""), "gone": event.get("gone", False), "kind": event["kind"]}
            key = f"pager:{event['id']}"
        elif event["kind"] != "message":
            return None
        if "file" in event:
            more["files"] = (self.file(event["file"]),)
        return Inbound(channel=self.name, key=key, external_id=event["person"], place=event["place"], **more)

    def key(self, event: dict[str, Any]) -> str:
        return f"pager:{event['place']}:{event.get('number', '')}"

    def file(self, file: dict[str, Any]) -> Attachment:
        if file["size"] > self.limits.max_file_bytes:
            return Attachment(name=file["name"], size=file["size"], problem="too_large")
        return Attachment(name=file["name"], content=base64.b64decode(file["bytes"]))

    # Out

    async def send(self, out: Outbound) -> Sent:
        if out.op == "send":
            answer = await self.ask(
                "send",
                out.place,
                text=out.text,
                key=out.key,
                buttons=[{"label": one.label, "value": one.value} for one in out.buttons],
                files=[{"name": one.name, "bytes": base64.b64encode(one.content).decode()} for one in out.files],
            )
            return Sent(answer["id"])
        if out.op not in {"edit", "delete", "react"}:
            raise PermanentFailure(f"the exchange has no {out.op}")
        return Sent((await self.ask("change", out.place, how=out.op, id=out.subject, text=out.text))["id"])

    async def typing(self, place: str) -> None:
        await self.ask("typing", place)

    async def draft(self, draft: Draft) -> None:
        await self.ask("draft", draft.place, text=draft.text)

    async def ask(self, do: str, place: str, **more: Any) -> dict[str, Any]:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        except OSError:
            raise TemporaryFailure("the exchange cannot be reached") from None
        try:
            writer.write(json.dumps({"do": do, "token": self.token, "place": place, **more}).encode() + b"\n")
            async with asyncio.timeout(self.limits.timeout):
                answer: dict[str, Any] = json.loads(await reader.readline() or "{}")
        except (OSError, TimeoutError) as error:
            raise Uncertain(f"the exchange did not answer ({type(error).__name__})") from None
        finally:
            writer.close()
        return self.judged(answer)

    def judged(self, answer: dict[str, Any]) -> dict[str, Any]:
        error = answer.get("error")
        if error == "token":
            raise ChannelDown("The exchange refuses the token. Make a new one and set PAGER_TOKEN.")
        if error == "slow down":
            raise TemporaryFailure("the exchange asks for a pause", answer["seconds"])
        if error == "fault" or not answer:
            raise Uncertain("the exchange had a fault of its own")
        if error:
            raise PermanentFailure(f"the exchange refused it: {error}")
        return answer
