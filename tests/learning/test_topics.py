"""Topics of what had no good answer: grouped, marked, listed, free of personal data, erased."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from bot import jobs, lease, topics
from bot.audit import entries
from bot.erase import erase_conversation
from bot.plugins import forget_plugins, load_plugins
from bot.store import Job, Topic, TopicQuestion
from bot.subjects import stems
from tests.commanding import command

from .conftest import ask


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
