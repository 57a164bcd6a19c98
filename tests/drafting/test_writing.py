"""How a draft is written: from the articles, masked, budgeted, once."""

from __future__ import annotations

import re
import threading
from typing import Any

import orjson
import pytest

from bot import (
    agents,
    clock,
    drafting,
    failpoints,
    jobs,
    lease,
    spending,
    switches,
)
from bot.desk import DeskAnswer
from bot.draft_writing import write_draft
from bot.housekeeping import core_jobs
from bot.pages import Row
from bot.plugins import forget_plugins, load_plugins
from bot.store import AgentDraft, Spend
from bot.workplace import draft_pages
from tests.fakes.llm import Script
from tests.test_desks import World, world  # noqa: F401  the fixture

from .conftest import ANSWER, QUESTION, Shop, load, presses_of, words_of


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
    spent = {one.scope: one.tokens for one in shop.store.read(lambda: list(Spend.select()))}
    assert set(spent.values()) == {940} and set(spent) == {spending.CAP, *spending.SCOPES}
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
