"""Learning: topics of what had no good answer, and drafts from what agents answered, until they are published or erased."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import accounts, clock, jobs, lease, lessons, topics
from bot.answer_tests.cases import Case, Step
from bot.answer_tests.rehearsal import Stage
from bot.articles import list_articles
from bot.audit import entries
from bot.desk import Action
from bot.erase import erase_conversation
from bot.first_rows import KNOWLEDGE_SYNC
from bot.fleet_building import FleetKeeper
from bot.knowledge import Question
from bot.messages import Inbound
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.reviewing import find_draft, waiting_drafts
from bot.store import Article, ArticleVersion, Job, Lesson, Topic, TopicQuestion
from bot.subjects import stems
from tests.commanding import command
from tests.fakes.llm import FakeLLM, Script
from tests.test_desks import World, world  # noqa: F401  the fixture

# Topics --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(store: Any) -> Iterator[Any]:
    """The sample shop; ``ask`` has its assistant answer."""
    forget_plugins()  # of the test before
    accounts.ensure_default_site()
    registry = load_plugins("cli")
    for _plugin, specs in registry.snapshot().each("jobs"):
        for spec in specs:
            if spec.kind == KNOWLEDGE_SYNC:
                spec.run("")
    lease.start("turns")
    yield store
    if lease.owner():
        lease.stop()
    forget_plugins()


def ask(*questions: str, language: str = "en") -> None:
    registry = load_plugins("cli")
    snapshot = registry.snapshot()
    stage = Stage(snapshot, FleetKeeper(registry, warm=False).fleet(snapshot))
    for question in questions:
        list(stage.rehearse(Case(name="q", steps=(Step(question=question),), language=language)))


def labels() -> dict[str, int]:
    return {topic.label: topic.count for topic in topics.list_topics()}


def test_questions_without_an_answer_become_topics_the_most_asked_first(shop: Any) -> None:
    ask(
        "Do you sell hot tubs?", "How much is a return?", "I am looking for a hot tub for my terrace", "hot tub prices please",
        "Who is the president of France?", "hello", "Thanks!", "I want to talk to a person",
    )  # fmt: skip
    assert topics.gather() == 4
    found = topics.list_topics()
    assert [topic.count for topic in found] == [3, 1]
    assert {"hot", "tubs"} <= set(found[0].label.split())
    assert "president" in found[1].label
    assert "hot tub prices please" in found[0].examples
    assert topics.gather() == 0, "nothing is counted twice"
    ask("Do you sell a big hot tub?")
    assert topics.gather() == 1
    assert topics.list_topics()[0].count == 4


def test_what_is_kept_of_a_question_has_no_personal_data(shop: Any) -> None:
    ask("My hot tub order: anna.berg@mail.example, card 4111 1111 1111 1111, call +49 30 901820")
    topics.gather()
    (topic,) = topics.list_topics()
    kept = (
        json.dumps(topic.examples) + topic.label + json.dumps(shop.read(lambda: [row.words for row in Topic.select()]))
    )
    for secret in ("anna", "berg", "4111", "901820"):
        assert secret not in kept.casefold()
    assert "hot" in topic.label


def test_patterns_of_the_house_are_left_out_as_well(shop: Any) -> None:
    lease.stop()
    done = command(shop, "plugins", "set", "pii_shield", 'patterns={"customer_no": "KD-[0-9]{6}"}')
    assert done.exit_code == 0, done.output
    forget_plugins()
    lease.start("turns")
    ask("Do you sell hot tubs to customer KD-123456?")
    topics.gather()
    (topic,) = topics.list_topics()
    assert "123456" not in str(topic.examples) + str(shop.read(lambda: Topic.get().words))


def test_topics_are_marked_and_come_back_when_they_are_asked_again(shop: Any) -> None:
    ask("Do you sell hot tubs?", "Do you sell fishing rods?")
    topics.gather()
    by_label = {topic.label: topic for topic in topics.list_topics()}
    tubs, rods = (next(topic for label, topic in by_label.items() if word in label) for word in ("tubs", "rods"))
    lease.stop()
    assert "hot tubs: done" in command(shop, "knowledge", "gaps", "done", tubs.ref).stdout
    assert "ignored" in command(shop, "knowledge", "gaps", "ignore", rods.ref).stdout
    assert topics.list_topics() == []
    lease.start("turns")
    ask("do you sell a hot tub", "do you sell a fishing rod")
    topics.gather()
    assert list(labels()) == [tubs.label], "done is open again, ignored stays away"
    assert topics.find_topic(rods.ref).count == 2
    assert {entry.action for entry in entries(limit=10)} >= {"topic.done", "topic.ignored"}


def test_erasing_a_conversation_takes_its_question_and_its_words_along(shop: Any) -> None:
    ask("Do you sell hot tubs for elephants?", "Do you sell hot tubs?")
    topics.gather()
    (topic,) = topics.list_topics()
    assert "elephants" in topic.label
    conversation = shop.read(
        lambda: next(row.conversation_id for row in TopicQuestion.select() if "elephants" in row.text)
    )
    erase_conversation(conversation)
    (topic,) = topics.list_topics()
    assert "elephants" not in topic.label + str(shop.read(lambda: Topic.get().words))
    assert topic.examples == ("Do you sell hot tubs?",)
    assert topic.count == 1
    erase_conversation(shop.read(lambda: TopicQuestion.get().conversation_id))
    assert topics.list_topics(state=None) == []


def test_questions_are_sealed_when_messages_are(shop: Any, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    ask("Do you sell hot tubs?")
    topics.gather()
    assert "tubs" not in shop.read(lambda: TopicQuestion.get().text)
    assert topics.list_topics()[0].examples == ("Do you sell hot tubs?",)
    environment(DESKHAND_ENCRYPT_MESSAGES=None)


def test_gaps_are_listed_and_exported(shop: Any, tmp_path: Path) -> None:
    ask("Do you sell hot tubs?", "=1+1 hot tubs?")
    topics.gather()
    lease.stop()
    out = command(shop, "knowledge", "gaps").stdout
    assert "2x" in out
    assert "hot tubs" in out
    ref = out.split()[0]
    assert "asked 2 times" in command(shop, "knowledge", "gaps", "show", ref).stdout
    command(shop, "knowledge", "gaps", "--export", str(tmp_path / "gaps.csv"))
    (row,) = csv.DictReader(io.StringIO((tmp_path / "gaps.csv").read_text("utf-8")))
    assert (row["count"], row["state"]) == ("2", "open")
    assert not row["examples"].startswith("=")
    line = command(shop, "knowledge", "gaps", "--export", "-").stdout.splitlines()[0]
    assert json.loads(line)["topic"] == ref
    refused = command(shop, "knowledge", "gaps", "done", "zzzzzz")
    assert refused.exit_code == 1
    assert "No topic is called zzzzzz" in refused.output
    assert "There is no site nowhere" in command(shop, "knowledge", "gaps", "--site", "nowhere").output


def test_stems_say_what_a_question_is_about() -> None:
    assert list(stems("Do you sell hot tubs?")) == ["hot", "tub"]
    assert stems("hello, can you help me please?") == {}
    assert list(stems("Verkaufen Sie Motorräder?", "de")) == ["motorrad"]
    assert "浴槽" in stems("浴槽はありますか", "ja")
    assert stems("12345 !!! 👋") == {}


def test_the_worker_does_both_by_itself_and_each_can_be_switched_off(shop: Any) -> None:
    ask("Do you sell hot tubs?")
    registry = load_plugins("cli")
    specs = {spec.kind: spec for _, found in registry.snapshot().each("jobs") for spec in found}
    assert {"learning.topics", "learning.drafts"} <= set(specs)
    shop.write(lambda: jobs.arm({kind: specs[kind] for kind in ("learning.topics", "learning.drafts")}))
    for job, kind, _ in shop.read(jobs.due):
        if kind.startswith("learning."):
            assert jobs.claim_and_run(job, specs)
    states = shop.read(lambda: {row.kind: (row.state, row.error) for row in Job.select() if row.kind in specs})
    assert states == {"learning.topics": ("done", ""), "learning.drafts": ("done", "")}
    assert len(topics.list_topics()) == 1
    lease.stop()
    command(shop, "plugins", "set", "learning", "drafts=false", "topics=false")
    forget_plugins()
    kinds = {spec.kind for _, found in load_plugins("cli").snapshot().each("jobs") for spec in found}
    assert not {kind for kind in kinds if kind.startswith("learning.")}


# Drafts --------------------------------------------------------------------------------------------------------------

QUESTION = "How do I descale the copper kettle? My name is Anna Berg, anna.berg@mail.example"
REPLY = (
    "Hello Anna, thanks for writing. Fill the copper kettle with one part vinegar and two parts water. Boil it once and leave it for an"
    " hour, then rinse it three times. Your order 10442 is fine. Best, Ana"
)


@pytest.fixture
def answered(world: World) -> World:  # noqa: F811
    """A customer asks, an agent answers, and the conversation is resolved."""
    world.customer(QUESTION)
    world.do("T1:ana", text=REPLY)
    world.later()
    return resolve(world)


def resolve(world: World) -> World:  # noqa: F811
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert world.ticket().state == "resolved"
    lease.stop()
    load_plugins("cli")
    return world


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
def test_where_nobody_answered_nothing_is_learned(world: World, replies: list[str], why: str) -> None:  # noqa: F811
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
        assert clock.lease_now() - began < 10
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


def test_a_message_that_cannot_be_opened_holds_up_nobody_else(shop: Any, environment: Any) -> None:
    """Its key is lost: what came after it is still learned of."""
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    ask("Do you sell hot tubs?")
    shop.write(lambda: shop.sql("UPDATE message SET body = 'v1.lost.AAAA' WHERE author = 'customer'"))
    ask("Do you sell garden gnomes?")
    assert topics.gather() == 1
    assert [topic.examples for topic in topics.list_topics()] == [("Do you sell garden gnomes?",)]
    ask("Are garden gnomes sold in sets?")
    assert topics.gather() == 1
    (topic,) = topics.list_topics()
    assert topic.count == 2
    first, second = shop.read(
        lambda: [(q.turn, q.conversation_id) for q in TopicQuestion.select().order_by(TopicQuestion.at)]
    )
    damaged = "UPDATE topic_question SET text = substr(text, 1, length(text) - 8) WHERE turn = ?"
    shop.write(lambda: shop.sql(damaged, (first[0],)))
    assert topics.list_topics()[0].examples == ("Are garden gnomes sold in sets?",)
    assert erase_conversation(second[1]), "a lost key of one question keeps nobody else's from being erased"
    environment(DESKHAND_ENCRYPT_MESSAGES=None)


def test_a_conversation_that_cannot_be_opened_is_left_out_once(answered: World, environment: Any) -> None:
    store = answered.store
    store.write(lambda: store.sql("UPDATE message SET body = 'v1.lost.AAAA', sealed = ?", (True,)))
    assert lessons.learn() == 0
    assert lessons.lessons() == [(1001, "nothing", "Its messages cannot be opened: their key is not there.")]
    assert lessons.learn() == 0
    assert erase_conversation(answered.conversation)
    forget_plugins()
