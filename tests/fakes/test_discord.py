"""The Discord of the tests, tried with discord.py's own client as it comes: what it believes, our channel may rely on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes import discord_limits
from tests.fakes.discord import FakeDiscord
from tests.patience import until

SEND = "POST /channels/*/messages"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDiscord]:
    import yarl
    from discord.gateway import DiscordWebSocket
    from discord.http import Route

    monkeypatch.setitem(discord_limits.BUCKETS, SEND, (5, 0.5))
    with FakeDiscord() as one:
        monkeypatch.setattr(Route, "BASE", one.url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(one.gateway.url))
        yield one


class Heard:
    """The SDK's client, connected, with what it heard."""

    def __init__(self, fake: FakeDiscord) -> None:
        import discord

        heard: list[str] = []
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False

        class Client(discord.Client):
            async def on_message(self, message: Any) -> None:
                heard.append(message.content)

            async def on_resumed(self) -> None:
                heard.append("RESUMED")

            async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
                """Its five seconds are no part of what is tried here."""

        intents = discord.Intents.none()
        intents.guilds = intents.dm_messages = intents.guild_messages = intents.message_content = True
        self.fake, self.heard, self.client = fake, heard, Client(intents=intents, guild_ready_timeout=0.1)

    async def __aenter__(self) -> Heard:
        await self.client._async_setup_hook()
        await self.client.login(self.fake.world.token)
        self.task = asyncio.ensure_future(self.client.connect())
        await self.until(self.fake.connected)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, condition: Any, seconds: float = 10) -> None:
        await until(condition, seconds, self.heard)


def test_the_sdk_connects_hears_and_resumes(fake: FakeDiscord) -> None:
    async def go() -> None:
        async with Heard(fake) as one:
            ana = fake.world.add_user("Ana")
            await asyncio.to_thread(fake.dm, ana, "hello")
            await one.until(lambda: one.heard == ["hello"])
            await asyncio.to_thread(_missed, fake, ana)
            await one.until(lambda: one.heard == ["hello", "missed", "RESUMED"])

    asyncio.run(go())
    assert len(fake.world.noted("identify")) == 1
    assert fake.world.noted("connected")[0]["compressed"]


def _missed(fake: FakeDiscord, user: str) -> None:
    with fake.silence():
        fake.dm(user, "missed")
    fake.run(fake.gateway.reconnect())


def test_the_sdk_identifies_anew_after_op_9_and_what_was_between_is_gone(fake: FakeDiscord) -> None:
    async def go() -> None:
        async with Heard(fake) as one:
            ana = fake.world.add_user("Ana")
            await asyncio.to_thread(fake.run, fake.gateway.invalidate())
            await one.until(lambda: len(fake.world.noted("identify")) == 2, 15)
            await asyncio.to_thread(fake.dm, ana, "after")
            await one.until(lambda: one.heard == ["after"])

    asyncio.run(go())
    assert fake.gateway.remaining == 998


def test_the_sdk_paces_itself_by_the_buckets_and_takes_a_429_for_discords(fake: FakeDiscord) -> None:
    async def go() -> None:
        import discord

        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(fake.world.token)
            place = client.get_partial_messageable(int(fake.world.dm_of(fake.world.add_user("Ana"))))
            fake.fail("429", SEND)
            for number in range(7):
                await place.send(str(number))

    asyncio.run(go())
    assert len(fake.world.noted("message")) == 7
    assert len(fake.world.noted("429")) == 1, "only the scripted one"


def test_a_nonce_holds_for_its_window_and_a_lost_answer_is_shown_once(fake: FakeDiscord) -> None:
    async def go() -> None:
        import discord

        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(fake.world.token)
            place = client.get_partial_messageable(int(fake.world.dm_of(fake.world.add_user("Ana"))))
            first = await place.send("one", nonce="n1")
            again = await place.send("one", nonce="n1")
            assert first.id == again.id
            fake.fail("500_after", SEND)  # the SDK tries again by itself, with the same nonce
            await place.send("two", nonce="n2")
            fake.world.nonce_window = 0.0
            later = await place.send("one", nonce="n1")
            assert later.id != first.id

    asyncio.run(go())
    assert [row["content"] for row in fake.world.noted("message")] == ["one", "two", "one"]


def test_wrong_messages_and_wrong_tokens_are_refused(fake: FakeDiscord) -> None:
    async def go() -> None:
        import discord

        async with discord.Client(intents=discord.Intents.none()) as stranger:
            with pytest.raises(discord.LoginFailure):
                await stranger.login("a.b.c")
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(fake.world.token)
            place = client.get_partial_messageable(int(fake.world.dm_of(fake.world.add_user("Ana"))))
            for content in ("x" * 2_001, "   "):
                with pytest.raises(discord.HTTPException):
                    await place.send(content)
            with pytest.raises(discord.NotFound):
                await client.get_partial_messageable(5).send("x")

    asyncio.run(go())


def test_an_interaction_must_be_answered_in_time_and_once(fake: FakeDiscord) -> None:
    ana = fake.world.add_user("Ana")
    dm = fake.world.dm_of(ana)

    async def answer(interaction: str) -> int:
        import aiohttp

        token = fake.world.interactions[interaction]["token"]
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{fake.url}/interactions/{interaction}/{token}/callback",
                json={"type": 4, "data": {"content": "x", "flags": 64}},
            ) as done,
        ):
            return done.status

    asked = fake.command(ana, dm, "person")
    assert asyncio.run(answer(asked)) == 204
    assert asyncio.run(answer(asked)) == 400
    fake.routes.ack_within = 0.0
    assert asyncio.run(answer(fake.command(ana, dm, "person"))) == 404
