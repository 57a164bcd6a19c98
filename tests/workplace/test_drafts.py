"""Drafts that the AI writes for agents: written by a model over the wire, shown to one agent, and sent only by a press."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bot import (
    agents,
    budgeting,
    clock,
    draft_numbers,
    drafting,
    erase,
    failpoints,
    jobs,
    lease,
    replies,
    spending,
    switches,
)
from bot.ai import Clocks
from bot.desk import DeskAnswer, DeskEvent, DeskPost
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.draft_writing import write_draft
from bot.first_rows import KNOWLEDGE_SYNC
from bot.fleet import Pace
from bot.housekeeping import core_jobs
from bot.metrics import exposition
from bot.pages import Choice, Field, Page, Press, Presses, Row, Wanted, Words
from bot.plugins import forget_plugins, load_plugins
from bot.store import AgentDraft, Spend, TokenSpend
from bot.workplace import draft_pages, drafts, rooms
from tests.commanding import command
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


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


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
        return {row.scope: row.held_tokens for row in self.store.read(lambda: list(Spend.select()))}

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


# Writing -------------------------------------------------------------------------------------------------------------


def test_a_draft_is_written_from_the_articles_and_shown_to_its_agent_alone(shop: Shop) -> None:
    shop.llm.script(Script(answer=f"Hello. {ANSWER} See https://evil.example/x and [9].", usage=(900, 40)))
    assert shop.ask("mention that *weekends* do not count").aside == (
        "A draft is being written. Only you see it: here in a moment, and in your inbox under Drafts."
    )
    assert [view.state for view in shop.mine()] == ["writing"]
    shop.write()
    (request,) = shop.llm.requests
    said = orjson.dumps(request).decode()
    assert QUESTION in said and "weekends" in said and "a support agent of Demo" in said and "Ana" in said
    assert "<articles" in said and '"conclude"' not in said and "offer to bring in a person" not in said
    view = shop.newest()
    assert (view.state, view.kind, view.answerable, view.older) == ("ready", "ai", True, False)
    assert view.text.startswith("Hello. Your money") and "evil.example" not in view.text and "[9]" not in view.text
    assert [one.n for one in view.sources] == [1]
    (row,) = shop.rows()
    assert (row.provider, row.input_tokens, row.output_tokens, row.person) == ("openai", 900, 40, "T1:ana")
    assert shop.replies() == [] and shop.world.row().state == "waiting", "a draft claims nothing and sends nothing"
    # Paid for: in the cap of the site, and in all five scopes.
    assert shop.store.read(lambda: sum(one.tokens for one in TokenSpend.select())) == 940
    spent = {one.scope: one.tokens for one in shop.store.read(lambda: list(Spend.select()))}
    assert set(spent.values()) == {940} and len(spent) == 5
    assert (row.held_tokens, row.held_cost) == (0, 0)


def test_what_the_thread_and_the_inbox_show(shop: Shop) -> None:
    page = shop.made()
    assert (page.kind, page.name, page.title) == ("aside", "drafts.draft", draft_pages.TITLE)
    assert list(presses_of(page)) == ["Send", "Edit…", "Shorter", "Friendlier", "Translate…", "Discard"]
    assert presses_of(page)["Edit…"].opens == "drafts.edit" and presses_of(page)["Send"].style == "primary"
    assert ANSWER in words_of(page) and "1. " in words_of(page)
    (parts,) = shop.store.read(lambda: draft_pages.rows(agents.agent_named("ana")))  # type: ignore[arg-type]
    assert isinstance(parts, Row) and parts.text.startswith("Your money") and "[1]" not in parts.text
    assert parts.title.startswith(f"#{shop.world.ticket().number} · ")
    assert [one.label for one in parts.presses] == ["Send", "Edit…", "Show"] and len(parts.menu) == 4
    listed = shop.event("ana", "command", text="drafts", thread="")
    assert listed.page is not None and "You have 1 draft" in listed.aside
    assert shop.event("marko", "command", text="drafts", thread="").aside == draft_pages.NONE
    shown = shop.press("show")
    assert shown.page is not None and ANSWER in words_of(shown.page)


def test_nothing_personal_reaches_a_provider_and_all_of_it_comes_back(shop: Shop) -> None:
    shop.world.customer(
        "Write to canary.bird@nest-example.org, my card is 4556 7375 8689 9855. How long does a refund take?"
    )
    shop.llm.default = Script(answer="I write to ⟦EMAIL_1⟧ when it is done.", conclude=None)
    shop.ask("also call canary.bird@nest-example.org on +49 1512 3456789")
    shop.write()
    assert shop.newest().text == "I write to canary.bird@nest-example.org when it is done."
    shop.press("shorter")
    shop.write()
    assert len(shop.llm.requests) == 2
    for needle in ("canary.bird", "nest-example", "4556", "8689 9855", "3456789"):
        assert needle not in shop.sent_to_models()
    assert "EMAIL_1" in shop.sent_to_models()
    assert "canary.bird@nest-example.org" in shop.newest().text


def test_a_draft_that_repeats_its_instructions_is_thrown_away(shop: Shop) -> None:
    def leak(asked: Any) -> str:
        system = str(
            shop.llm.requests[-1]["body"]["messages"][0] if "body" in shop.llm.requests[-1] else shop.llm.requests[-1]
        )
        found = re.search(r"secret mark ([0-9a-f]{24})", system)
        assert found is not None
        return f"My mark is {found[1]}."

    page = shop.made(leak)  # type: ignore[arg-type]
    assert shop.states() == ["failed"] and "repeated its instructions" in words_of(page)
    assert list(presses_of(page)) == ["Try again"]


def test_failover_and_what_is_said_when_nobody_can(shop: Shop, environment: Any) -> None:
    environment(ANTHROPIC_API_KEY="sk-test", ANTHROPIC_BASE_URL=shop.llm.url)
    forget_plugins()
    load(articles=False)
    shop.llm.script(Script(fault="529"), Script(fault="cut", answer="one two three four five six", after=2))
    shop.llm.default = Script(answer=ANSWER)
    shop.ask()
    shop.write()
    assert shop.newest().text == ANSWER, "what another attempt has said before is gone"
    shop.llm.default = Script(fault="401")
    shop.ask("again")
    page = shop.write()
    assert page is not None
    view = shop.newest()
    assert (view.state, view.kind) == ("ready", "quotes")
    assert "These are quotes from the articles" in words_of(page) and "none of them can be reached now" in words_of(
        page
    )
    assert view.sources and "refund" in view.text.lower()
    shop.press("friendlier")
    page = shop.write()
    assert page is not None
    assert "was not rewritten" in words_of(page) and shop.states()[-1] == "failed"
    assert shop.store.read(lambda: drafting.draft(view.id)).state == "ready"  # type: ignore[union-attr]


def test_without_a_model_and_without_an_article_it_says_so(shop: Shop, environment: Any) -> None:
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None)
    forget_plugins()
    load()
    shop.ask()
    page = shop.write()
    assert page is not None and "none is connected" in words_of(page) and shop.newest().kind == "quotes"
    shop.world.do("T1:ana", text="It takes some days.")
    shop.world.later()
    shop.world.customer("Do you sell hot tubs for elephants in Patagonia?")
    shop.ask()
    page = shop.write()
    assert page is not None
    assert "No article answers this" in words_of(page) and shop.newest().state == "failed"
    assert presses_of(page)["Try again"].what == "drafts.again"


def test_budgets_and_the_cap_hold_for_drafts(shop: Shop) -> None:
    shop.store.write(lambda: shop.store.Site.update(daily_tokens=10).execute())
    shop.store.write(lambda: spending.book("s1", 50))
    shop.ask()
    page = shop.write()
    assert page is not None and "its budget of the day is used up" in words_of(page)
    shop.store.write(lambda: shop.store.Site.update(daily_tokens=None).execute())
    switches.store_settings("budgets", "{}", {"all_tokens": 20}, actor="test", changed=("all_tokens",))
    load_plugins("worker").on_changed()
    shop.made(usage=(100, 20))
    assert shop.newest().kind == "ai"
    shop.ask()
    page = shop.write()
    assert page is not None and "its budget of the day is used up" in words_of(page)
    assert len(shop.llm.requests) == 1 and all(row.held_tokens == 0 for row in shop.rows())


def test_what_stands_in_no_article_is_marked_and_asked_about(shop: Shop) -> None:
    page = shop.made("Your money is back within 97 working days, and you get 4,000 euros on top [1].")
    assert shop.newest().unproven and "97 working days" in shop.newest().text, "an agent mends it, and nobody else"
    assert "Check" in words_of(page)
    confirm = presses_of(page)["Send"].confirm
    assert confirm is not None and "articles" in confirm.text


def test_one_at_a_time_and_asking_again_replaces(shop: Shop) -> None:
    shop.ask("first")
    shop.ask("second")
    assert shop.states() == ["replaced", "writing"]
    shop.llm.default = Script(answer=ANSWER)
    shop.write()
    assert len(shop.llm.requests) == 1 and shop.states() == ["replaced", "ready"]
    shop.ask("third", who="marko")
    shop.write()
    assert shop.states() == ["replaced", "ready", "ready"], "each agent has their own"
    shop.ask("fourth")
    assert shop.states() == ["replaced", "ready", "ready", "writing"], "the old one stays until the new one is there"
    shop.write()
    assert sorted(shop.states()) == ["ready", "ready", "replaced", "replaced"]


def test_a_worker_that_dies_while_it_writes_makes_one_draft(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    switches.store_settings("budgets", "{}", {"all_tokens": 1_000_000}, actor="test", changed=("all_tokens",))
    load_plugins("worker").on_changed()
    shop.llm.default = Script(answer=ANSWER)
    shop.ask()
    ((job, _, _),) = [one for one in shop.store.read(jobs.due) if one[1] == drafting.KIND]

    class Killed(BaseException):
        pass

    def dies(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("bot.draft_writing._store", dies)
        with pytest.raises(Killed):
            jobs.claim_and_run(job, core_jobs())
    assert shop.states() == ["writing"] and shop.rows()[0].held_tokens > 0
    shop.store.write(lambda: shop.store.Job.update(lease_until=0).execute())
    lease.stop()
    lease.start("quick")
    failpoints.plan("desk.after_draft_commit=raise")
    try:
        jobs.claim_and_run(job, core_jobs())
    finally:
        failpoints.plan("")
    assert shop.store.read(lambda: shop.store.Job.get_by_id(job).state) == "queued", "it is run once more"
    write_draft(shop.rows()[0].id)
    assert shop.states() == ["ready"] and len(shop.asides()) == 1
    assert shop.rows()[0].held_tokens == 0


def test_what_nobody_wrote_in_time_is_told(shop: Shop) -> None:
    shop.ask()
    shop.store.write(lambda: AgentDraft.update(started_at=clock.now() - drafting.LATE - 1).execute())
    drafting.tidy()
    page = shop.seen()
    assert shop.states() == ["failed"] and page is not None and drafting.TOO_LATE in words_of(page)
    shop.llm.default = Script(answer=ANSWER)
    assert shop.press("again").code == "done"
    assert shop.write() is not None and shop.states()[-1] == "ready"


def test_of_two_presses_at_once_one_sends(shop: Shop) -> None:
    shop.made()
    value, gate, answers = shop.newest().id, threading.Barrier(4), list[DeskAnswer]()

    def press() -> None:
        gate.wait()
        answers.append(shop.press("send", value))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.code for one in answers) == ["held", "stale", "stale", "stale"] and len(shop.replies()) == 1


# Deeds ---------------------------------------------------------------------------------------------------------------


def test_sent_as_it_is_it_takes_the_way_of_a_reply(shop: Shop) -> None:
    shop.made("Note: your money is back within 5 working days [1].")
    done = shop.press("send")
    assert done.code == "held" and done.offer == (Action.UNDO,) and "You claimed this" in done.aside
    assert shop.world.row().assignee == "ana" and shop.states() == ["sent"]
    (said,) = shop.replies()
    assert said.startswith("Note: your money is back within 5 working days.") and "[1]" not in said
    posts = shop.world.pump()
    assert [post.text for post in posts if post.op == "message"] == [said], (
        "shown in the thread: it was not written there"
    )
    assert shop.press("send").aside == draft_pages.SENT and shop.replies() == [said]
    (row,) = shop.rows()
    assert (row.edited, row.similarity) == (False, 1.0)
    assert shop.mine() == []


def test_a_reply_that_is_taken_back_leaves_its_draft(shop: Shop) -> None:
    shop.made()
    held = shop.press("send")
    assert shop.world.do("T1:ana", "action", action=Action.UNDO, value=held.value).code == "done"
    assert [view.state for view in shop.mine()] == ["ready"] and shop.replies() == []
    assert shop.press("send").code == "held" and len(shop.replies()) == 1


def test_the_channel_decides_whether_it_is_held_or_sent_at_all(shop: Shop) -> None:
    shop.made()
    shop.store.write(lambda: replies.set_mode("wall", "W1", "alerts-only"))
    assert shop.press("send").code == "cannot" and shop.states() == ["ready"]
    shop.store.write(lambda: replies.set_mode("wall", "W1", "direct"))
    assert shop.press("send").code == "sent"
    assert [text for author, text in shop.world.said() if author == "agent"] == [
        "Your money is back within 5 working days after the return arrived.\n\nhttps://shop.example/help/refunds"
    ]


def test_one_that_cannot_be_opened_is_left_out(shop: Shop) -> None:
    shop.made()
    shop.store.write(lambda: AgentDraft.update(text="sealed:1:nobody:aGVsbG8").execute())
    assert shop.mine() == [] and shop.press("send", shop.rows()[0].id).aside == draft_pages.GONE
    assert shop.store.read(lambda: draft_pages.rows(agents.agent_named("ana")))  # type: ignore[arg-type]


def test_an_edited_one_counts_as_edited(shop: Shop) -> None:
    shop.made()
    form = shop.form("edit")
    (box,) = [part for part in form.parts if isinstance(part, Field)]
    assert form.kind == "form" and form.what == "drafts.edited" and box.value.startswith("Your money is back")
    for text, word in (("  ", "no text"), ("x" * 3_001, "At most")):
        refused = shop.press("edited", form.value, fields={"text": text})
        assert refused.code == "invalid" and word in refused.errors["text"] and shop.states() == ["ready"]
    done = shop.press(
        "edited", form.value, fields={"text": "Your money is back within 5 working days. Sorry for the wait!"}
    )
    assert done.code == "held" and shop.replies() == ["Your money is back within 5 working days. Sorry for the wait!"]
    (row,) = shop.rows()
    assert row.edited and 0.3 < row.similarity < 1


def test_what_is_older_than_the_last_message_is_asked_for_once_more(shop: Shop) -> None:
    shop.made()
    shop.world.customer("It has arrived by now.")
    assert shop.mine()[0].older
    (row,) = shop.store.read(lambda: draft_pages.rows(agents.agent_named("ana")))  # type: ignore[arg-type]
    assert isinstance(row, Row) and draft_pages.OLDER_SHORT in row.quiet
    asked = shop.press("send")
    assert asked.code == "stale" and asked.page is not None and shop.states() == ["ready"]
    anyway = presses_of(asked.page)["Send anyway"]
    shop.world.do("T1:marko", text="I have it.")
    shop.world.later()
    assert shop.press("send", anyway.value).code == "stale", "somebody else has answered since"
    form = shop.form("edit")
    assert draft_pages.OLDER in words_of(form)
    shop.world.customer("Hello?")
    late = shop.press("edited", form.value, fields={"text": "my own words"})
    assert late.code == "stale" and late.page is not None and late.page.kind == "form"
    (box,) = [part for part in late.page.parts if isinstance(part, Field)]
    assert box.value == "my own words", "nothing that was typed is lost"
    assert shop.press("edited", late.page.value, fields={"text": box.value}).code == "held"
    assert shop.replies() == ["I have it.", "my own words"]


def test_versions(shop: Shop) -> None:
    shop.made(f"{ANSWER} We are sorry.")
    for way, say in (("shorter", "half as long"), ("friendlier", "warmer")):
        shop.llm.script(Script(answer=f"{way}: {ANSWER}"))
        assert shop.press(way).aside == drafts.REWRITING
        shop.write()
        assert say in orjson.dumps(shop.llm.requests[-1]).decode()
        assert shop.newest().text == f"{way}: {ANSWER}" and [one.n for one in shop.newest().sources] == [1]
    shop.store.write(lambda: shop.store.Conversation.update(language="de-AT").execute())
    form = shop.form("translate")
    (choice,) = form.parts
    assert isinstance(choice, Choice) and choice.chosen == ("de",) and form.what == "drafts.translated"
    assert [one.label for one in choice.options[:2]] == ["German (the customer's)", "Arabic"]
    assert shop.press("translated", form.value, fields={"language": "klingon"}).code == "invalid"
    shop.llm.script(Script(answer="Ihr Geld ist in 5 Werktagen da [1]."))
    assert "German" in shop.press("translated", form.value, fields={"language": "de"}).aside
    shop.write()
    assert "Translate it into German" in shop.sent_to_models()
    assert shop.newest().text == "Ihr Geld ist in 5 Werktagen da [1]."
    assert shop.states() == ["replaced", "replaced", "replaced", "ready"]
    first = shop.rows()[0].id
    assert shop.press("send", first).aside == draft_pages.REPLACED and shop.replies() == []
    assert shop.press("discard").aside == "Discarded. Nothing was sent."
    assert shop.press("send").aside == draft_pages.DISCARDED and shop.mine() == []


@pytest.mark.parametrize("meanwhile", ["send", "discard"])
def test_a_version_of_what_was_sent_or_discarded_is_not_waited_for(shop: Shop, meanwhile: str) -> None:
    switches.store_settings("budgets", "{}", {"all_tokens": 1_000_000}, actor="test", changed=("all_tokens",))
    load_plugins("worker").on_changed()
    shop.made()
    first = shop.newest().id
    shop.press("shorter")
    version = shop.newest().id
    before = shop.held()
    # A worker has begun with it, and dies.
    budgeting.set_aside(f"{budgeting.DRAFT}{version}", 500, 40)
    assert shop.held() == {scope: held + 500 for scope, held in before.items()} and set(before) == set(budgeting.SCOPES)
    assert shop.press(meanwhile, first).code in {"held", "done"}
    assert shop.states()[1] == "replaced" and shop.held() == before, "nothing stays set aside"
    asked = len(shop.llm.requests)
    assert shop.write() is None and len(shop.llm.requests) == asked
    assert shop.press("send", version).aside == draft_pages.REPLACED
    assert len(shop.replies()) == (meanwhile == "send")


def test_who_may_not_and_when(shop: Shop) -> None:
    shop.llm.default = Script(answer=ANSWER)
    for kind, more in (("command", {"text": "draft"}), ("press", {"what": "drafts.send", "value": "x"})):
        assert shop.event("stranger", kind, **more).code == "not_linked"
        assert shop.event("stranger", kind, trusted=False, **more).code == "not_allowed"
    agents.add_agent("eye", role="viewer", actor="test")
    agents.link("eye", "wall", "T1:eye", actor="test")
    assert shop.ask(who="eye").code == "not_allowed"
    assert "only in the thread" in shop.event("ana", "command", text="draft", thread="").aside
    assert shop.ask("x" * 501).code == "cannot" and shop.rows() == []
    shop.made()
    mine = shop.newest().id
    for what in ("send", "edited", "shorter", "friendlier", "translated", "discard", "again", "show"):
        fields = {"text": "mine", "language": "de"}
        assert shop.press(what, mine, who="marko", fields=fields).aside == draft_pages.THEIRS
        assert shop.press(what, "nowhere", fields=fields).aside == draft_pages.GONE
    for name in ("edit", "translate"):
        assert words_of(shop.form(name, who="marko")) == draft_pages.THEIRS
        assert words_of(shop.form(name, "nowhere")) == draft_pages.GONE
        assert words_of(shop.form(name, who="stranger")) == drafts.STRANGER
    assert shop.press("send", mine, key="k1").code == "held"
    assert shop.press("send", mine, key="k1").code == "duplicate" and len(shop.replies()) == 1
    shop.ask()
    assert shop.press("send").aside == draft_pages.WRITING
    shop.write()
    ready = shop.newest().id
    shop.world.do("T1:ana", "action", action=Action.RESOLVE)
    refused = shop.press("send", ready)
    assert refused.code == "resolved" and refused.offer == (Action.REOPEN,) and shop.mine() == []
    assert words_of(shop.form("edit", ready)) == draft_pages.RESOLVED
    assert shop.ask().code == "resolved"
    shop.world.do("T1:ana", "action", action=Action.REOPEN)
    shop.world.do("T1:ana", "action", action=Action.RETURN)
    assert shop.ask().code == "stale" and shop.press("send", ready).code == "not_claimed"
    assert len(shop.replies()) == 1


def test_a_button_that_names_another_conversation_does_nothing(shop: Shop) -> None:
    shop.made()
    from bot.messages import Inbound
    from bot.receive import receive

    other = receive([Inbound(channel="widget", key="k9", external_id="ben", place="other", text="Hi")])[0]
    event = DeskEvent(
        desk="wall", key="p9", kind="press", who="T1:ana", what="drafts.send", value=shop.newest().id,
        conversation_id=other.conversation_id,  # type: ignore[union-attr]
    )  # fmt: skip
    assert receive_desk([event])[0].code == "stale" and shop.replies() == []
    home = DeskEvent(
        desk="wall", key="p10", kind="press", who="T1:ana", what="drafts.send", value=shop.newest().id,
        conversation_id=shop.world.conversation,
    )  # fmt: skip
    assert receive_desk([home])[0].code == "held" and len(shop.replies()) == 1, "from the inbox, outside of any thread"


def test_from_the_card(shop: Shop) -> None:
    shop.llm.default = Script(answer=ANSWER)
    done = shop.world.do("T1:ana", "action", action=Action.DRAFT, value="be brief")
    assert done.code == "done" and shop.newest().instruction == "be brief"
    assert shop.write() is not None
    shop.world.customer("And now?")
    cards = [post.card for post in shop.world.posts if post.card]
    assert Action.DRAFT in cards[0].actions


# The end -------------------------------------------------------------------------------------------------------------


def test_erasing_forgets_the_words_and_keeps_the_count(shop: Shop, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    shop.made(words="say sorry")
    row = shop.rows()[0]
    assert "working days" not in row.text and "sorry" not in row.instruction and row.sources.startswith("sealed:")
    assert shop.newest().text == ANSWER and shop.newest().instruction == "say sorry"
    shop.ask("one more")
    draft = shop.rows()[0].id
    erase.erase_conversation(shop.world.conversation)
    for one in shop.rows():
        assert (one.text, one.instruction, one.sources, one.conversation_id, one.person) == ("", "", "", None, "")
    assert shop.mine() == []
    for what in ("send", "discard", "show"):
        assert shop.press(what, draft, thread="").code == "stale"
    assert shop.write() is None and shop.llm.requests and len(shop.llm.requests) == 1
    assert "customer has deleted" in shop.press("send", draft).aside


def test_old_words_go_and_their_counts_stay(shop: Shop) -> None:
    shop.made()
    shop.store.write(lambda: AgentDraft.update(started_at=clock.now() - 31 * 86_400).execute())
    drafting.tidy()
    (row,) = shop.rows()
    assert (row.text, row.sources, row.state) == ("", "", "ready") and shop.mine() == []
    for what, more in (("send", {}), ("edited", {"fields": {"text": "Hello"}}), ("shorter", {}), ("show", {})):
        assert shop.press(what, row.id, **more).aside == draft_pages.GONE, (
            "buttons of a month ago still stand in the thread"
        )
    assert draft_pages.GONE in words_of(shop.form("edit", row.id)) and shop.replies() == []
    shop.store.write(lambda: AgentDraft.update(started_at=clock.now() - 401 * 86_400).execute())
    drafting.tidy()
    assert shop.rows() == []


def test_what_became_of_drafts_is_counted(shop: Shop) -> None:
    shop.llm.default = Script(answer=ANSWER, usage=(100, 20))
    assert "There were no drafts" in command(shop.store, "drafts").output
    for deed in ("send", "edited", "discard", "friendlier", "", "again"):
        shop.ask()
        shop.write()
        if deed == "edited":
            shop.press(
                deed, shop.form("edit").value, fields={"text": "Your money is back within 5 working days. Cheers"}
            )
        elif deed == "friendlier":
            shop.press(deed)
            shop.write()
        elif deed and deed != "again":
            assert shop.press(deed).code in {"held", "done"}
        shop.replies()
    shop.llm.default = Script(fault="401")
    shop.world.customer("Do you know the elephants of Patagonia?")
    shop.ask("Patagonia")
    shop.write()
    month = draft_numbers.month_of(clock.now())
    output = command(shop.store, "drafts").output
    assert output.startswith(f"{month}  openai gpt-5.5 ")
    assert "7 made, 1 sent as it is, 1 edited (" in output and "% of the words left)" in output
    assert "3 rewritten, 1 discarded, 0 ignored, 1 open; 840 tokens, $" in output
    shop.world.do("T1:ana", "action", action=Action.RESOLVE)
    assert "1 ignored" in command(shop.store, "drafts", "--month", month).output
    assert "There were no drafts" in command(shop.store, "drafts", "--month", "2020-02").output
    assert "is no month" in command(shop.store, "drafts", "--month", "soon").output
    erase.erase_conversation(shop.world.conversation)
    assert "7 made, 1 sent as it is" in command(shop.store, "drafts").output
    counted = exposition()[0].decode()
    assert re.search(r'agent_drafts_total\{became="as_it_is",model="gpt-5.5",provider="openai"\} \d', counted)


def test_hostile_words_of_a_model_stay_words(shop: Shop) -> None:
    hostile = (
        "<!channel> <@U1> *bold* [click](https://evil.example) ![x](https://evil.example/a.png) <script>alert(1)</script> @here "
        + "long " * 900
    )
    page = shop.made(hostile)
    view = shop.newest()
    assert len(view.text) <= drafting.LONGEST and view.text.endswith("…") and "evil.example" not in view.text
    assert [part.style for part in page.parts if isinstance(part, Words) and "alert" in part.text] == ["markdown"]
    assert shop.press("send").code == "held" and len(shop.replies()) == 1
