"""Drafts of articles from what agents answered, until they are published or erased."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot import clock, lease, lessons
from bot.answer_tests.cases import Case, Step
from bot.answer_tests.rehearsal import Stage
from bot.articles import list_articles
from bot.audit import entries
from bot.desk_actions import Action
from bot.erase import erase_conversation
from bot.fleet_building import FleetKeeper
from bot.knowledge import Question
from bot.messages import Inbound
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.reviewing import find_draft, waiting_drafts
from bot.store import Article, ArticleVersion, Lesson
from tests.commanding import command
from tests.fakes.llm import FakeLLM, Script
from tests.patience import patient
from tests.test_desks import World

from .conftest import resolve


def test_an_agents_answer_becomes_a_draft_without_a_model(answered: World) -> None:
    assert lessons.learn() == 1
    (waiting,) = waiting_drafts()
    assert (waiting.ticket, waiting.by) == (1001, "extract")
    draft = waiting.draft
    assert draft.title == "How do I descale the copper kettle?"
    assert "one part vinegar and two parts water" in draft.body
    assert "Hello" not in draft.body
    for secret in ("Anna", "Berg", "anna.berg"):
        assert secret not in draft.body + draft.title
    assert list_articles() == [], "nobody hears of it yet"
    assert lessons.learn() == 0
    forget_plugins()


def test_a_model_writes_it_and_never_sees_or_says_who_it_was(answered: World, environment: Any) -> None:
    with FakeLLM() as llm:
        environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
        forget_plugins()
        load_plugins("cli")
        llm.script(
            Script(
                answer="# Descaling the copper kettle\n\nBoil one part vinegar with two parts water, wait an hour, rinse three times."
                " Ask Ana, ana@desk.example, or see https://evil.example/x and ⟦EMAIL_7⟧."
            )
        )
        assert lessons.learn() == 1
        (request,) = llm.requests
        seen = json.dumps(request["body"], ensure_ascii=False)
        assert "anna.berg@mail.example" not in seen
        assert "Anna Berg" not in seen
        assert "vinegar" in seen
    (waiting,) = waiting_drafts()
    assert (waiting.draft.title, waiting.by) == ("Descaling the copper kettle", "ai")
    for secret in ("ana@desk", "evil.example", "⟦", "sk-test"):
        assert secret not in waiting.draft.body
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None)
    forget_plugins()


@pytest.mark.parametrize("fault", ["401", "stall_nothing"])
def test_a_model_that_is_away_or_finds_nothing(answered: World, environment: Any, fault: str) -> None:
    with FakeLLM() as llm:
        environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
        forget_plugins()
        load_plugins("cli")
        llm.default = Script(fault="401") if fault == "401" else Script(answer="NOTHING.")
        made = lessons.learn()
    if fault == "401":
        assert (made, waiting_drafts()[0].by) == (1, "extract")
    else:
        assert (made, waiting_drafts()) == (0, [])
        assert lessons.lessons() == [(1001, "nothing", "Nothing in it would help another customer.")]
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None)
    forget_plugins()


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        ([], "No agent has answered."),
        (["Hello! Thanks for your message. Let me check that for you."], "The agent's replies hold no answer."),
        (
            ["Which colour does it have? Could you send me your order number please?"],
            "The agent's replies hold no answer.",
        ),
    ],
)
def test_where_nobody_answered_nothing_is_learned(world: World, replies: list[str], why: str) -> None:
    world.customer("How do I descale the copper kettle?")
    if not replies:
        world.do("T1:ana", "action", action=Action.CLAIM)
    for text in replies:
        world.do("T1:ana", text=text)
        world.later()
    resolve(world)
    assert lessons.learn() == 0
    assert [row[2] for row in lessons.lessons()] == [why]
    assert why in command(world.store, "knowledge", "review", "list", "--why").stdout


def test_a_draft_is_changed_published_found_and_cited(answered: World) -> None:
    lessons.learn()
    store = answered.store
    ref = waiting_drafts()[0].ref
    listed = command(store, "knowledge", "review", "list").stdout
    assert f"{ref}  " in listed
    assert "ticket #1001" in listed
    assert "vinegar" in command(store, "knowledge", "review", "show", ref).stdout
    edited = command(store, "knowledge", "review", "edit", ref, "--title", "Descaling a copper kettle").stdout
    new = edited.split("is called ")[1].split()[0]
    assert waiting_drafts()[0].ticket == 1001, "the link follows the change"
    assert "decided already" not in command(store, "knowledge", "review", "show", new).output
    began = clock.lease_now()
    done = command(store, "knowledge", "review", "approve", new)
    assert done.exit_code == 0, done.output
    assert "Published: Descaling a copper kettle" in done.stdout
    forget_plugins()
    snapshot = load_plugins("cli").snapshot()
    while True:
        found = [
            result
            for _, result in snapshot.each(
                "search_knowledge", question=Question(site="s1", text="How do I descale the copper kettle?")
            )
        ]
        if any(one.passages for one in found):
            break
        assert clock.lease_now() - began < patient(10)
    lease.start("turns")
    fleet = FleetKeeper(load_plugins("cli"), warm=False).fleet(snapshot)
    case = Case(name="q", steps=(Step(question="How do I descale the copper kettle?"),), site="demo")
    (outcome,) = Stage(snapshot, fleet).rehearse(case)
    assert [cited.title for cited in outcome.cited] == ["Descaling a copper kettle"] * len(outcome.cited)
    assert outcome.cited
    assert {entry.action for entry in entries(limit=20)} >= {"article.draft", "article.edit_draft", "article.approve"}
    refused = command(store, "knowledge", "review", "approve", new)
    assert refused.exit_code == 1
    assert "See: deskhand knowledge review list" in refused.output
    forget_plugins()


def test_a_second_conversation_about_the_same_makes_no_second_draft(answered: World) -> None:
    lessons.learn()
    store = answered.store
    lease.start("channels")

    def event(text: str, kind: Any = "message") -> Any:
        return receive(
            [Inbound(channel="widget", key=clock.new_id(), external_id="bob", place="room2", text=text, kind=kind)]
        )[0]

    second = event("How can I descale my copper kettle?").conversation_id
    event("", "handoff")
    store.write(
        lambda: store.sql(
            "UPDATE ticket SET state = 'resolved', resolved_at = ? WHERE conversation_id = ?", (clock.now(), second)
        )
    )
    first = answered.conversation
    store.write(
        lambda: store.sql(
            "UPDATE message SET conversation_id = ?, seq = seq + 100, rev = rev + 100 WHERE conversation_id = ? AND author = 'agent'",
            (second, first),
        )
    )
    store.write(lambda: store.sql("UPDATE conversation SET seq = seq + 200 WHERE id = ?", (second,)))
    lease.stop()
    assert lessons.learn() == 0
    assert lessons.lessons()[0][2] == "A draft about this waits already, from ticket #1001."
    assert len(waiting_drafts()) == 1
    forget_plugins()


def test_a_rejected_draft_is_put_aside(answered: World) -> None:
    lessons.learn()
    store = answered.store
    done = command(store, "knowledge", "review", "reject", waiting_drafts()[0].ref, "--note", "one case only")
    assert "Rejected: How do I descale the copper kettle?" in done.stdout
    assert waiting_drafts() == []
    assert "Nothing waits" in command(store, "knowledge", "review", "list").stdout
    assert lessons.learn() == 0


def test_erasing_the_conversation_takes_the_draft_and_leaves_what_was_approved(answered: World) -> None:
    lessons.learn()
    store = answered.store
    erase_conversation(answered.conversation)
    assert waiting_drafts() == []
    assert store.read(lambda: (Lesson.select().count(), Article.select().count(), ArticleVersion.select().count())) == (
        0,
        0,
        0,
    )
    forget_plugins()


@pytest.mark.parametrize("rejected", [False, True])
def test_erasing_takes_the_draft_along_though_it_was_resolved_again(answered: World, rejected: bool) -> None:
    """The second look at the conversation finds nothing new, and must not lose what came of the first."""
    assert lessons.learn() == 1
    store = answered.store
    if rejected:
        command(store, "knowledge", "review", "reject", waiting_drafts()[0].ref)
    store.write(
        lambda: store.sql(
            "UPDATE ticket SET resolved_at = ? WHERE conversation_id = ?", (clock.now() + 1, answered.conversation)
        )
    )
    lessons.learn()
    if not rejected:
        assert [one.ticket for one in waiting_drafts()] == [1001], "the link is still there"
    erase_conversation(answered.conversation)
    assert waiting_drafts() == []
    assert store.read(lambda: (Lesson.select().count(), Article.select().count(), ArticleVersion.select().count())) == (
        0,
        0,
        0,
    )
    forget_plugins()


def test_erasing_it_later_leaves_the_article_and_no_link(answered: World) -> None:
    lessons.learn()
    store = answered.store
    ref = waiting_drafts()[0].ref
    command(store, "knowledge", "review", "edit", ref, "--title", "Descaling")
    command(store, "knowledge", "review", "approve", waiting_drafts()[0].ref)
    erase_conversation(answered.conversation)
    assert [view.title for view in list_articles()] == ["Descaling"]
    rows = store.read(lambda: [(row.state, row.title) for row in ArticleVersion.select()])
    assert rows == [("live", "Descaling")]
    assert store.read(lambda: Lesson.select().count()) == 0
    forget_plugins()


def test_publishing_a_draft_runs_the_answer_tests(answered: World, tmp_path: Path, environment: Any) -> None:
    lessons.learn()
    store = answered.store
    tests = tmp_path / "answers.yaml"
    tests.write_text(
        "- name: kettle\n  question: How do I descale the copper kettle?\n  must_not_say: vinegar\n  site: demo\n",
        "utf-8",
    )
    environment(DESKHAND_ANSWER_TESTS=str(tests))
    ref = waiting_drafts()[0].ref
    stopped = command(store, "knowledge", "review", "approve", ref)
    assert stopped.exit_code == 1
    assert "Nothing was published" in stopped.output
    assert "kettle: It says “vinegar”" in stopped.output
    assert find_draft(ref).draft.state == "draft"
    done = command(store, "knowledge", "review", "approve", ref, "--anyway")
    assert done.exit_code == 0, done.output
    assert len(list_articles()) == 1
    environment(DESKHAND_ANSWER_TESTS=None)
    forget_plugins()


def test_names_that_people_tell_are_known() -> None:
    assert lessons.introduced("Hi, my name is Anna Berg and I live here.") == ["Anna Berg"]
    assert lessons.introduced("Hello Anna, that works. Best, Ana") == ["Anna", "Ana"]
    assert lessons.introduced("Hello there, my order is late. Thanks") == []
    assert lessons.introduced("Guten Tag, mein Name ist Jürgen Groß.") == ["Jürgen Groß"]


def test_statements_are_what_tells_something() -> None:
    assert lessons.statements("Hi there! Thanks for writing. The pump needs new oil every year. Did that help?") == [
        "The pump needs new oil every year."
    ]
    assert lessons.clean("Call Anna Berg at ⟦PHONE_1⟧ or a@b.example", ["Anna Berg"]) == (
        "Call (name) at (left out) or (e-mail address)"
    )


def test_a_conversation_that_cannot_be_opened_is_left_out_once(answered: World, environment: Any) -> None:
    store = answered.store
    store.write(lambda: store.sql("UPDATE message SET body = 'v1.lost.AAAA', sealed = ?", (True,)))
    assert lessons.learn() == 0
    assert lessons.lessons() == [(1001, "nothing", "Its messages cannot be opened: their key is not there.")]
    assert lessons.learn() == 0
    assert erase_conversation(answered.conversation)
    forget_plugins()
