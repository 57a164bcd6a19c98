"""What an answer depends on is in its key, and what belongs to one person is no matter of the cache."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import Answer, Image, Passage, Prompt, PromptMessage, TurnContext, remembering
from bot.messages import Source
from plugins import reply_cache
from tests.reply_cache.conftest import QUESTION

PASSAGE = Passage(id="p1", article_id="a1", title="Tents", text="Soft sponge.")
PROMPT = Prompt(system="You help.", messages=(PromptMessage("user", QUESTION),), passages=(PASSAGE,), language="en")
TURN = TurnContext(turn_id="t", conversation_id="c", site="s1", channel="test", question=QUESTION)


def key(prompt: Prompt = PROMPT, conditions: str = "7|1.0|openai/m", **turn: Any) -> str:
    return reply_cache.key_of(prompt, replace(TURN, **turn), conditions)


def test_everything_an_answer_depends_on_is_in_its_key() -> None:
    others = [
        key(site="s2"),
        key(conditions="8|1.0|openai/m"),
        key(replace(PROMPT, messages=(PromptMessage("user", "How do I dry my tent?"),))),
        *[
            key(replace(PROMPT, **change))  # type: ignore[arg-type]
            for change in (
                {"language": "de"}, {"system": "You help. Now."}, {"answerable": False}, {"max_tokens": 100}, {"temperature": 0.0},
                {"economy": "cheap"}, {"passages": ()}, {"passages": (replace(PASSAGE, text="Hard sponge."),)},
                {"passages": (replace(PASSAGE, id="p2"),)},
            )
        ],
    ]  # fmt: skip
    assert len({key(), *others}) == len(others) + 1
    assert key() == key(channel="other", turn_id="t2", conversation_id="c2", turns=4)


@pytest.mark.parametrize(
    "prompt",
    [
        replace(PROMPT, messages=(PromptMessage("user", "hello"), PromptMessage("assistant", "hi"), *PROMPT.messages)),
        replace(PROMPT, messages=(PromptMessage("user", "hello"), *PROMPT.messages)),
        replace(PROMPT, messages=(PromptMessage("user", "what is this", (Image(media="image/png", data=b"x"),)),)),
        replace(PROMPT, placeholders={"⟦EMAIL_1⟧": "anna@example.com"}),
        replace(PROMPT, task="summary"),
        replace(PROMPT, messages=(PromptMessage("user", "x" * 501),)),
        replace(PROMPT, messages=(PromptMessage("user", "?!"),)),
        replace(PROMPT, messages=()),
    ],
    ids=["history", "two messages", "picture", "personal", "summary", "long", "no words", "nothing"],
)
def test_what_belongs_to_one_person_is_no_matter_of_the_cache(prompt: Prompt) -> None:
    assert reply_cache.recall_answer(prompt, TURN, "x") is None


def test_neither_is_a_turn_with_something_before_it_or_with_files() -> None:
    for turn in (replace(TURN, earlier=1), replace(TURN, files=1)):
        assert reply_cache.recall_answer(PROMPT, turn, "x") is None
    assert reply_cache.is_for_everybody(PROMPT, TURN)


@pytest.mark.parametrize(
    ("sure", "grounded", "good"),
    [(0.9, 1.0, True), (0.9, None, True), (None, 1.0, False), (0.5, 1.0, False), (0.9, 0.5, False)],
)
def test_only_an_answer_that_is_known_to_be_good_is_kept(sure: Any, grounded: Any, good: bool) -> None:
    said = Answer(text="x", confidence=sure, grounded=grounded)
    assert reply_cache.is_good(reply_cache.CacheSettings(), said) is good


def test_an_answer_whose_source_was_not_found_today_is_not_given(store: Any) -> None:
    class Kept:
        """Stands for the plugins that are on."""

        def first(self, hook: str, **arguments: Any) -> Any:
            from bot.events import Recalled

            return "kept", Recalled(
                key="k", answer=Answer(text="Old.", sources=(Source(n=1, passage_id=self.id, title="T"),))
            )

        id = "p1"

    memory = remembering.Memory(Kept(), TURN, PROMPT, "x")  # type: ignore[arg-type]
    assert memory._look() == Answer(text="Old.", sources=(Source(n=1, passage_id="p1", title="T"),), type="cache")
    Kept.id = "gone"
    assert memory._look() is None and memory.key == "k"
