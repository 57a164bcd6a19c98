"""A channel as a stranger would write one: HTTP to a platform that is not ours. Imports only what plugins may import."""

from __future__ import annotations

from typing import Any, ClassVar

from bot import (
    Channel,
    Inbound,
    Inbox,
    Limits,
    Outbound,
    PermanentFailure,
    Sent,
    Settings,
    TemporaryFailure,
    Uncertain,
    setting,
)


class PlatformSettings(Settings):
    url: str = setting(env="CHAOS_PLATFORM_URL", label="Address")


class PlatformChannel(Channel):
    """Polls for what people wrote; posts what they are answered."""

    limits: ClassVar[Limits] = Limits(max_text=120, timeout=2.0)

    def __init__(self, url: str) -> None:
        self.url = f"{url}/{self.name}"
        self._http: Any = None

    def _session(self) -> Any:
        if self._http is None:
            import aiohttp

            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, sock_connect=1))
        return self._http

    async def listen(self, inbox: Inbox) -> None:
        while True:
            async with self._session().get(f"{self.url}/updates") as answer:
                events = (await answer.json())["events"]
            if not events:
                continue
            await inbox.receive(
                *(
                    Inbound(
                        channel=self.name, key=f"{self.name}:{event['id']}", external_id=f"{self.name}-{event['place']}",
                        place=event["place"], text=event["text"],
                    )
                    for event in events
                )
            )  # fmt: skip
            async with self._session().post(
                f"{self.url}/ack", json={"ids": [event["id"] for event in events]}
            ) as answer:
                await answer.read()

    async def send(self, out: Outbound) -> Sent:
        import aiohttp

        body = {"key": out.key, "place": out.place, "text": out.text, "op": out.op}
        try:
            async with self._session().post(f"{self.url}/send", json=body) as answer:
                if answer.status == 429:
                    raise TemporaryFailure("too many", retry_after=float((await answer.json())["retry_after"]))
                if answer.status == 409:
                    raise TemporaryFailure("refused before anything was done")
                if answer.status == 404:
                    raise PermanentFailure("there is no such place")
                if answer.status >= 500:
                    raise Uncertain(f"status {answer.status}")
                return Sent((await answer.json())["id"])
        except aiohttp.ClientConnectorError as error:
            raise TemporaryFailure("not reachable") from error

    async def find(self, key: str, place: str) -> Sent | None:
        async with self._session().get(f"{self.url}/find", params={"key": key, "place": place}) as answer:
            answer.raise_for_status()
            found = (await answer.json())["id"]
        return Sent(found) if found else None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
