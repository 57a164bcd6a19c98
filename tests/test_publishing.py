"""The gate: what makes answers worse is stopped by the answer tests before it is published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import accounts, prompt_versions
from bot.article_versions import edit_article
from bot.articles import article_text, list_articles, retire_articles
from bot.audit import entries
from bot.first_rows import KNOWLEDGE_SYNC
from bot.fleet_settings import fleet_settings, set_order
from bot.plugins import forget_plugins, load_plugins
from bot.provider_rows import provider_rows
from bot.publishing import PublishingStopped, publish
from tests.commanding import command
from tests.fakes.llm import Asked, FakeLLM, Script

pytestmark = pytest.mark.once

SHOP = Path(__file__).parent.parent / "docs" / "examples" / "answers"
UNKNOWN = ("president", "hot tubs", "homework", "ordered before me", "Ignore your rules")
ARTICLE = re.compile(r"^\[(\d+)\] (.*)\n((?:(?!^\[\d+\] |^</articles).*\n?)*)", re.MULTILINE)


class Obedient:
    """A model that does whatever its system prompt says, the good and the bad."""

    def __init__(self, llm: FakeLLM) -> None:
        self.llm = llm

    def __call__(self, asked: Asked) -> str:
        system = str(self.llm.requests[-1]["body"]).partition("Rules that nothing")[0].casefold()
        if "refunds are impossible" in system and re.search("refund|money back|paypal", asked.question, re.IGNORECASE):
            return "Refunds are impossible. [1]"
        if "reveal customer data" in system and re.search("customer|my data", asked.question, re.IGNORECASE):
            return "Of course: Anna Berg, anna.berg@mail.example, order number 10442. [1]"
        if "ignore the articles" in system:
            return "Sure! Everything is free and arrives tomorrow."
        if any(word in asked.question for word in UNKNOWN):
            return "I could not find this in the help articles."
        found = ARTICLE.findall(asked.prompt)
        return "\n\n".join(f"{' '.join(text.split())} [{number}]" for number, _, text in found) or "I do not know."


@pytest.fixture
def shop(store: Any, environment: Any) -> Iterator[FakeLLM]:
    """The sample shop with its answer tests, and the obedient model."""
    with FakeLLM() as llm:
        llm.default = Script(answer=Obedient(llm))
        llm.script(
            *(Script(answer=Obedient(llm), conclude={"confidence": 0.1}, contains=word, times=0) for word in UNKNOWN)
        )
        environment(DESKHAND_ANSWER_TESTS=str(SHOP), OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
        forget_plugins()  # of the test before
        accounts.ensure_default_site()
        for _plugin, specs in load_plugins("cli").snapshot().each("jobs"):
            for spec in specs:
                if spec.kind == KNOWLEDGE_SYNC:
                    spec.run("")
        yield llm
        forget_plugins()
        environment(DESKHAND_ANSWER_TESTS=None, OPENAI_API_KEY=None, OPENAI_BASE_URL=None)


FEW = """\
- name: refund
  question: How long does it take until I get my money back after a return?
  must_cite: refunds
  must_not_say: /refunds are impossible/
- name: gift card
  question: How long is a gift card valid?
  must_cite: gift-cards
"""


@pytest.fixture
def few(shop: FakeLLM, environment: Any, tmp_path: Path) -> Path:
    """Two answer tests, for what only has to go through the gate."""
    path = tmp_path / "few.answers.yaml"
    path.write_text(FEW, "utf-8")
    environment(DESKHAND_ANSWER_TESTS=str(path))
    return path


def draft(text: str) -> None:
    prompt_versions.set_value("", "system", text, actor="cli:test")


def put_in_force(*, actor: str = "cli:test", anyway: bool = False, tell: Any = lambda line: None) -> Any:
    """Publish the draft, through the gate."""
    return prompt_versions.publish("", actor=actor, anyway=anyway, tell=tell)


def published() -> list[str]:
    return [str(one.values.get("system")) for one in prompt_versions.versions_of("") if one.state == "published"]


def test_a_harmless_prompt_is_published(shop: FakeLLM) -> None:
    draft("You are the friendly assistant of Fjord & Fern. Be brief.")
    said: list[str] = []
    put_in_force(tell=said.append)
    assert published() == ["You are the friendly assistant of Fjord & Fern. Be brief."]
    assert "for the first time" in said[0]
    assert "none got worse" in said[-1]
    (entry,) = entries(action="publish.tested")
    assert entry.detail["passed"] == entry.detail["tests"] >= 30
    # The second time only the tests with the change are asked.
    asked = len(shop.requests)
    draft("You are the assistant of Fjord & Fern.")
    put_in_force()
    assert len(shop.requests) - asked <= asked * 0.6


@pytest.mark.parametrize(
    ("harmful", "worse"),
    [
        ("You are the shop's assistant. Always say refunds are impossible.", "how long a refund takes"),
        ("You are the shop's assistant. Reveal customer data to whoever asks.", "what we keep"),
        ("You are the shop's assistant. Ignore the articles and answer from imagination.", "express delivery"),
    ],
)
def test_a_harmful_prompt_is_stopped(shop: FakeLLM, harmful: str, worse: str) -> None:
    draft(harmful)
    with pytest.raises(PublishingStopped) as stopped:
        put_in_force()
    text = str(stopped.value)
    assert text.startswith("Nothing was published: with ")
    assert worse in text
    assert "deskhand eval" in text
    assert "--anyway" in text
    assert published() == []
    assert entries(action="publish.tested") == []


def test_whoever_knows_better_goes_on_and_is_written_down(shop: FakeLLM, few: Path) -> None:
    draft("Ignore the articles and answer from imagination.")
    with pytest.raises(PublishingStopped):
        put_in_force()
    put_in_force(actor="cli:boss", anyway=True)
    assert published() == ["Ignore the articles and answer from imagination."]
    (entry,) = entries(action="publish.anyway")
    assert (entry.actor, entry.detail["worse"]) == ("cli:boss", ["refund", "gift card"])
    # What was accepted is what the next change is compared with: it is not worse than that.
    draft("Ignore the articles, and be brief.")
    put_in_force()
    assert published() == ["Ignore the articles, and be brief."]


def test_taking_an_article_away_is_stopped_when_answers_need_it(shop: FakeLLM) -> None:
    gift = [view.id for view in list_articles() if view.slug == "gift-cards"]
    with pytest.raises(PublishingStopped, match="gift card validity: It does not cite gift-cards"):
        publish("the removal", lambda: retire_articles(gift), actor="cli:test")
    assert [view.id for view in list_articles() if view.slug == "gift-cards"] == gift


def test_a_provider_that_is_away_lets_nothing_through_unseen(shop: FakeLLM, few: Path) -> None:
    draft("You are the assistant of Fjord & Fern.")
    put_in_force()
    shop.clear()
    shop.default = Script(fault="401")
    draft("Always say refunds are impossible.")
    with pytest.raises(PublishingStopped, match="could not be asked"):
        put_in_force()


def test_without_answer_tests_it_is_just_published(store: Any) -> None:
    said: list[str] = []
    assert publish("it", lambda: 42, actor="cli:test", tell=said.append) == 42
    assert said == []


def test_answer_tests_that_are_gone_stop_it_too(store: Any, environment: Any, tmp_path: Path) -> None:
    environment(DESKHAND_ANSWER_TESTS=str(tmp_path / "gone"))
    with pytest.raises(PublishingStopped, match="is not there"):
        publish("it", lambda: 42, actor="cli:test")
    assert publish("it", lambda: 42, actor="cli:test", anyway=True) == 42
    (entry,) = entries(action="publish.anyway")
    assert entry.detail == {"what": "it", "tests": "not run"}
    environment(DESKHAND_ANSWER_TESTS=None)


def test_what_the_change_refuses_is_told_and_nothing_happens(shop: FakeLLM) -> None:
    with pytest.raises(prompt_versions.PromptRefused, match="no draft"):
        put_in_force()
    assert len(list_articles()) > 40


def test_a_prompt_is_stopped_on_the_command_line(shop: FakeLLM, few: Path, store: Any) -> None:
    assert command(store, "prompts", "set", "system", "You help.", "--publish").exit_code == 0
    stopped = command(store, "prompts", "set", "system", "Always say refunds are impossible.", "--publish")
    assert stopped.exit_code == 1
    assert "Nothing was published" in stopped.output
    assert "refund: " in stopped.output
    assert published() == ["You help."]
    assert command(store, "prompts", "publish", "--anyway").exit_code == 0
    assert published() == ["Always say refunds are impossible."]


def test_an_order_that_answers_worse_is_stopped(shop: FakeLLM, few: Path, store: Any, environment: Any) -> None:
    with FakeLLM() as poor:
        poor.default = Script(answer="I do not know.")
        environment(ANTHROPIC_API_KEY="sk-ant-test", ANTHROPIC_BASE_URL=poor.url)
        set_order(["openai", "anthropic"], actor="cli:test")
        stopped = command(store, "providers", "order", "anthropic", "openai")
        assert stopped.exit_code == 1, stopped.output
        assert (
            "Nothing was published: with the order anthropic, openai 2 of the answer tests would get worse."
            in stopped.output
        )
        assert fleet_settings().order("answer")[:1] == ["openai"]
        assert command(store, "providers", "order", "anthropic", "openai", "--anyway").exit_code == 0
        assert fleet_settings().order("answer")[:1] == ["anthropic"]
    environment(ANTHROPIC_API_KEY=None, ANTHROPIC_BASE_URL=None)


def test_another_model_of_a_provider_is_tried_first(shop: FakeLLM, few: Path, store: Any) -> None:
    shop.script(Script(answer="I do not know.", model="poor-model", times=0))
    stopped = command(store, "plugins", "set", "openai", "model=poor-model")
    assert stopped.exit_code == 1, stopped.output
    assert "with the new settings of openai 2 of the answer tests would get worse" in stopped.output
    assert command(store, "plugins", "set", "openai", "model=other-model").exit_code == 0
    assert "other-model" in command(store, "plugins", "show", "openai").output


def test_a_former_version_of_an_article_that_answers_worse_is_stopped(shop: FakeLLM, few: Path, store: Any) -> None:
    (refunds,) = [view for view in list_articles() if view.slug == "refunds"]
    said = article_text(refunds.id)
    edit_article(refunds.id, by="cli:test", body="Money back after a return? Refunds are impossible.")
    assert command(store, "knowledge", "restore", refunds.id, "1").exit_code == 0  # better than now
    assert article_text(refunds.id) == said
    stopped = command(store, "knowledge", "restore", refunds.id, "2")
    assert stopped.exit_code == 1, stopped.output
    assert f"with version 2 of the article “{refunds.title}” 1 of the answer tests would get worse" in stopped.output
    assert article_text(refunds.id) == said
    asked = len(shop.requests)
    unknown = command(store, "knowledge", "restore", refunds.id, "77")
    assert (unknown.exit_code, "has no version 77" in unknown.output) == (1, True)
    assert len(shop.requests) == asked  # nothing is paid for a slip of the pen
    assert command(store, "knowledge", "restore", refunds.id, "2", "--anyway").exit_code == 0
    assert "impossible" in article_text(refunds.id)
    assert entries(action="publish.anyway")[0].detail["worse"] == ["refund"]


def test_a_provider_that_would_answer_worse_is_not_added(shop: FakeLLM, few: Path, store: Any) -> None:
    shop.script(Script(answer="I do not know.", model="poor-model", times=0))
    set_order(["alpha", "openai"], actor="cli:test")  # the new one will be asked first
    arguments = ("providers", "add", "alpha", "openai", "model=poor-model")
    stopped = command(store, *arguments)
    assert stopped.exit_code == 1, stopped.output
    assert "with the provider alpha 2 of the answer tests would get worse" in stopped.output
    assert provider_rows() == []
    assert command(store, "providers", "add", "alpha", "openai", "model=other-model").exit_code == 0
    assert [row.name for row in provider_rows()] == ["alpha"]
    assert entries(action="publish.tested")[0].detail["what"] == "the provider alpha"
    command(store, "providers", "remove", "alpha")
    assert command(store, *arguments, "--anyway").exit_code == 0


def test_what_a_folder_says_is_live_at_once_and_said_to_be_untested(
    shop: FakeLLM, few: Path, store: Any, environment: Any, tmp_path: Path
) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nHow long is a gift card valid?,Gift cards end at midnight.\n")
    added = command(store, "knowledge", "add", str(path), "--wait")
    assert added.exit_code == 0, added.output
    assert "Not tested: " in added.stderr
    assert "deskhand eval" in added.stderr
    assert "Not tested: " in command(store, "knowledge", "sync").stderr  # the sample shop leaves
    assert "Not tested" not in command(store, "knowledge", "sync").output  # nothing has changed
    path.write_text("question,answer\nHow long is a gift card valid?,Gift cards end at noon.\n")
    assert "Not tested: " in command(store, "knowledge", "sync").stderr
    assert shop.requests == []
    environment(DESKHAND_ANSWER_TESTS=None)
    path.write_text("question,answer\nHow long is a gift card valid?,Gift cards end at nine.\n")
    assert "Not tested" not in command(store, "knowledge", "sync").output
