"""The turns process with a fake provider, and first questions that are asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import clock, lease
from bot.articles import save_articles
from bot.knowledge import ArticleText
from bot.messages import Inbound, Receipt
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.turns_process import Pool
from tests.fakes.llm import FakeLLM, Script
from tests.patience import wait_for

QUESTION = "How do I clean my tent?"


@pytest.fixture
def pool(store: Any, valkey: Any, environment: Callable[..., None], llm: FakeLLM) -> Iterator[Pool]:
    environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
    for key in ("demo", "other"):
        store.write(lambda key=key: store.Site.create(id=key, key=key, name=key, created_at=clock.now()))
    save_articles(
        [
            ArticleText(
                source="test",
                path="tent.md",
                title="Cleaning a tent",
                body="Clean your tent with lukewarm water and a soft sponge.",
                language="en",
            )
        ]
    )
    lease.start("turns")
    made = Pool(60, load_plugins("turns"))
    yield made
    made.drain()
    forget_plugins()


def say(pool: Pool, text: str, *, place: str = "", site: str = "demo", wake: bool = True) -> str:
    place = place or clock.new_id()
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=place, place=place, text=text, site=site)])[
        0
    ]
    assert isinstance(got, Receipt)
    if wake:
        pool.on_wake(got.conversation_id.encode())
    return got.conversation_id


def answers(store: Any, conversation: str) -> list[Any]:
    mine = (store.Message.conversation == conversation) & (store.Message.author == "ai")
    return store.read(lambda: list(store.Message.select().where(mine).order_by(store.Message.seq)))


def ask(store: Any, pool: Pool, text: str = QUESTION, **how: Any) -> Any:
    conversation = say(pool, text, **how)
    return wait_for(lambda: answers(store, conversation), 15)[-1]


def rows(store: Any) -> list[Any]:
    return store.read(lambda: list(store.CachedAnswer.select()))


CLEAN = Script(answer="Clean your tent with lukewarm water and a soft sponge [1].", times=0)
