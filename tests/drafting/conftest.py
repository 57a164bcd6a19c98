"""A shop whose agents ask for drafts, with the real SDK and a model that can be told what to say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bot import (
    agents,
    clock,
    drafting,
    jobs,
)
from bot.ai import Clocks
from bot.desk import DeskAnswer, DeskEvent, DeskPost
from bot.desk_events import receive_desk
from bot.first_rows import KNOWLEDGE_SYNC
from bot.fleet import Pace
from bot.housekeeping import core_jobs
from bot.pages import Page, Press, Presses, Wanted, Words
from bot.plugins import forget_plugins, load_plugins
from bot.store import AgentDraft, Spend
from bot.workplace import rooms
from tests.fakes.llm import FakeLLM, Script
from tests.test_desks import World, world  # noqa: F401  the fixture

QUESTION = "How long does a refund take after a return?"
ANSWER = "Your money is back within 5 working days after the return arrived [1]."
ARTICLE = """\
---
title: Refunds and returns
language: en
url: https://shop.example/help/refunds
---

## How long a refund takes

A refund takes 5 working days after the return has arrived: within 5 working days your money is back on your card.

## Gift cards

A gift card is valid for two years.
"""


def load(*, articles: bool = True) -> Any:
    """The plugins of a worker, with the shop's article."""
    registry = load_plugins("worker")
    if articles:
        for _plugin, specs in registry.snapshot().each("jobs"):
            for spec in specs:
                if spec.kind == KNOWLEDGE_SYNC:
                    spec.run("")
    return registry


@pytest.fixture
def shop(
    world: World,  # noqa: F811
    environment: Any,
    llm: FakeLLM,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """A customer who waits for people and asks something that the articles answer, with a model on the wire."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "refunds.md").write_text(ARTICLE)
    environment(
        OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url, DESKHAND_KNOWLEDGE_DIR=str(tmp_path / "articles")
    )
    # On a busy machine the first word comes late: an SDK is imported before it.
    monkeypatch.setattr(
        "bot.draft_writing.PACE", Pace(clocks=Clocks(first_token=60.0, between_tokens=60.0, total=90.0), budget=90.0)
    )
    forget_plugins()
    load()
    world.customer(QUESTION)
    world.pump()
    yield Shop(world, llm)
    forget_plugins()
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None, DESKHAND_KNOWLEDGE_DIR=None)


class Shop:
    """What an agent does with drafts, and what they see."""

    def __init__(self, world: World, llm: FakeLLM) -> None:  # noqa: F811
        self.world, self.llm, self.store = world, llm, world.store

    def ask(self, words: str = "", who: str = "ana") -> DeskAnswer:
        return self.event(who, "command", text=f"draft {words}".strip())

    def write(self) -> Page | None:
        """Run the job as a worker does; returns what is shown to the agent."""
        for job, kind, _ in self.store.read(jobs.due):
            if kind == drafting.KIND:
                jobs.claim_and_run(job, core_jobs())
        assert self.store.read(lambda: self.store.Job.select().where(self.store.Job.kind == drafting.KIND, self.store.Job.state != "done").count()) == 0  # fmt: skip
        return self.seen()

    def seen(self) -> Page | None:
        pages = [post.page for post in self.asides()]
        return pages[-1] if pages else None

    def asides(self) -> list[DeskPost]:
        return [post for post in self.world.pump() if post.op == "aside"]

    def made(self, answer: str = ANSWER, words: str = "", **more: Any) -> Page:
        """Have one written."""
        self.llm.script(Script(answer=answer, **more))
        assert self.ask(words).code == "done"
        page = self.write()
        assert page is not None
        return page

    def press(self, what: str, value: str = "", who: str = "ana", **more: Any) -> DeskAnswer:
        value = value or self.newest().id
        return self.event(who, "press", what=f"drafts.{what}", value=value, page="drafts.draft", **more)

    def event(self, who: str, kind: Any, *, thread: str = "m1", key: str = "", **more: Any) -> DeskAnswer:
        event = DeskEvent(
            desk="wall", key=key or clock.new_id(), kind=kind, who=f"T1:{who}", place="W1", thread=thread, **more
        )
        return receive_desk([event])[0]

    def form(self, name: str, value: str = "", who: str = "ana") -> Page:
        return rooms.page(
            Wanted(desk="wall", who=f"T1:{who}", name=f"drafts.{name}", value=value or self.newest().id, place="W1")
        )

    def rows(self) -> list[Any]:
        return list(self.store.read(lambda: list(AgentDraft.select().order_by(AgentDraft.started_at, AgentDraft.id))))

    def newest(self) -> drafting.DraftView:
        found = self.store.read(lambda: drafting.draft(self.rows()[-1].id))
        assert found is not None
        return found

    def held(self) -> dict[str, int]:
        return {
            row.scope: row.held_tokens for row in self.store.read(lambda: list(Spend.select())) if row.scope != "cap"
        }

    def mine(self, who: str = "ana") -> list[drafting.DraftView]:
        return list(self.store.read(lambda: drafting.drafts_of(agents.agent_named(who).id)))  # type: ignore[union-attr]

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def replies(self) -> list[str]:
        self.world.later()
        return [text for author, text in self.world.said() if author == "agent"]

    def sent_to_models(self) -> str:
        return orjson.dumps(self.llm.requests).decode()


def words_of(page: Page) -> str:
    return "\n".join(part.text for part in page.parts if isinstance(part, Words))


def presses_of(page: Page) -> dict[str, Press]:
    return {one.label: one for part in page.parts if isinstance(part, Presses) for one in part.presses}
