"""The same first question gets the same answer without asking the AI again, as long as it is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bot import Answer, cached_answers, clock, hours, prompt_versions, sealed_rows, switches
from bot.articles import save_articles
from bot.erase import erase_conversation
from bot.knowledge import ArticleText
from bot.turns_process import Pool
from tests.commanding import command
from tests.fakes.llm import FakeLLM, Script
from tests.patience import wait_for
from tests.reply_cache.conftest import CLEAN, QUESTION, answers, ask, rows, say


def test_the_same_question_gets_the_same_answer_without_the_ai(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(CLEAN)
    first = ask(store, pool)
    again = ask(store, pool, "  how do i CLEAN my tent ")
    assert (first.kind, again.kind, again.body, again.extra) == ("ai", "cache", first.body, first.extra)
    assert "Cleaning a tent" in again.extra and len(llm.requests) == 1
    (turn,) = store.read(lambda: list(store.Turn.select().where(store.Turn.id == again.turn)))
    assert (turn.state, turn.output_tokens, turn.first_delta_ms is not None) == ("done", 0, True)
    wait_for(lambda: rows(store)[0].hits == 1, 15)


def test_it_is_shown_in_one_piece(store: Any, pool: Pool, llm: FakeLLM, valkey: Any) -> None:
    from bot.bus import bus

    llm.script(CLEAN)
    ask(store, pool)
    frames: list[bytes] = []
    listener = bus().listen({"live": frames.append})

    def seen() -> list[bytes]:
        # An answer that is stored before its draft was sent is shown by its message alone: then the next one is looked at.
        again = ask(store, pool)
        time.sleep(0.2)
        return [frame for frame in frames if again.conversation_id.encode() in frame and b'"delta"' in frame]

    pieces = wait_for(seen, 15)
    listener.stop()
    assert len(pieces) == 1 and b"soft sponge" in pieces[0]


@pytest.mark.parametrize(
    ("text", "how"),
    [("How do I clean my tent pegs?", {}), (QUESTION, {"site": "other"})],
)
def test_another_question_or_site_is_asked_anew(store: Any, pool: Pool, llm: FakeLLM, text: str, how: Any) -> None:
    llm.script(CLEAN)
    ask(store, pool)
    assert ask(store, pool, text, **how).kind == "ai" and len(llm.requests) == 2


def test_nothing_is_given_again_in_the_middle_of_a_conversation(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(CLEAN)
    ask(store, pool)
    ask(store, pool, "Is a soft sponge good for my tent?", place="anna")
    conversation = say(pool, QUESTION, place="anna")
    second = wait_for(lambda: len(answers(store, conversation)) == 2 and answers(store, conversation)[1], 15)
    assert second.kind == "ai" and len(llm.requests) == 3 and len(rows(store)) == 2


def test_a_short_memory_does_not_make_a_first_question(store: Any, pool: Pool, llm: FakeLLM) -> None:
    prompt_versions.set_value("", "history", 1, actor="t")
    prompt_versions.publish("", actor="t", force=True)
    llm.script(CLEAN)
    ask(store, pool, "Is a soft sponge good for my tent?", place="anna")
    kept = len(rows(store))
    conversation = say(pool, QUESTION, place="anna")
    wait_for(lambda: len(answers(store, conversation)) == 2, 15)
    assert len(rows(store)) == kept and len(llm.requests) == 2


def test_new_knowledge_prompts_models_or_settings_make_old_answers_unreachable(
    store: Any, pool: Pool, llm: FakeLLM
) -> None:
    llm.script(CLEAN)
    ask(store, pool)
    assert ask(store, pool).kind == "cache"
    prompt_versions.set_value("", "system", "You are kind.", actor="t")
    prompt_versions.publish("", actor="t", force=True)
    assert [ask(store, pool).kind, ask(store, pool).kind] == ["ai", "cache"]
    save_articles(
        [ArticleText(source="test", path="tent.md", title="Cleaning a tent", body="Clean your tent with cold water.")]
    )
    wait_for(lambda: ask(store, pool).kind == "ai", 5)
    assert ask(store, pool).kind == "cache"
    store.write(lambda: hours.change_site("demo", link_hosts="parcels.example"))
    assert [ask(store, pool).kind, ask(store, pool).kind] == ["ai", "cache"]
    switches.switch("hidden_text", False, actor="t")
    time.sleep(0.3)
    wait_for(lambda: ask(store, pool).kind == "ai", 5)


@pytest.mark.parametrize(
    "script",
    [
        Script(answer=CLEAN.answer, conclude={"confidence": 0.1}),
        Script(answer=CLEAN.answer, conclude={"confidence": 0.9, "handoff": {"reason": "needs a look"}}),
        Script(answer=CLEAN.answer, finish="length"),
        Script(answer="Clean your tent at 90 degrees for 45 minutes [1]."),
    ],
    ids=["unsure", "handoff", "cut", "not in the passages"],
)
def test_what_is_not_good_enough_for_others_is_not_kept(store: Any, pool: Pool, llm: FakeLLM, script: Script) -> None:
    llm.script(script)
    ask(store, pool)
    assert rows(store) == []


def test_an_answer_expires_and_is_swept(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(CLEAN)
    ask(store, pool)
    assert cached_answers.sweep_cached(100) == 0
    store.write(lambda: store.CachedAnswer.update(expires_at=clock.now() - 1).execute())
    assert ask(store, pool).kind == "ai"  # and kept anew under the same key
    assert len(rows(store)) == 1 and cached_answers.sweep_cached(100) == 0
    store.write(lambda: store.CachedAnswer.update(expires_at=clock.now() - 1).execute())
    assert cached_answers.sweep_cached(100) == 1 and rows(store) == []


def test_it_goes_with_the_conversation_in_which_it_was_given(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(CLEAN)
    first = ask(store, pool)
    assert len(rows(store)) == 1
    erase_conversation(first.conversation_id)
    assert rows(store) == []


def test_texts_are_sealed_like_messages(store: Any, pool: Pool, llm: FakeLLM, environment: Callable[..., None]) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    llm.script(CLEAN)
    ask(store, pool)
    (row,) = rows(store)
    assert row.question.startswith("sealed:1:") and row.answer.startswith("sealed:1:")
    assert ask(store, pool).kind == "cache"
    assert QUESTION in command(store, "cache", "show").output
    assert any(what.table == "cached_answer" for what in sealed_rows.MESSAGES)


def test_an_admin_sees_what_is_kept_and_forgets_it(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(CLEAN)
    ask(store, pool)
    ask(store, pool, site="other")
    shown = command(store, "cache", "show").output
    assert "2 answers are kept" in shown and QUESTION in shown and "30 min left" in shown
    assert "1 answers were forgotten" in command(store, "cache", "clear", "--site", "other").output
    assert command(store, "cache", "clear", "--site", "nowhere").exit_code == 1
    assert "1 answers were forgotten" in command(store, "cache", "clear").output
    assert "0 answers are kept" in command(store, "cache", "show").output


def test_only_so_many_are_kept(store: Any, pool: Pool) -> None:
    conversation = say(pool, "hello", wake=False)
    for n in range(12):
        cached_answers.cache_answer(
            f"k{n}", Answer(text=f"{n}"), site="demo", conversation=conversation, question="q", seconds=60
        )
    assert cached_answers.sweep_cached(10) == 2
    assert {row.id for row in rows(store)} == {f"k{n}" for n in range(2, 12)}


def test_nothing_is_kept_for_a_conversation_that_is_gone(store: Any, pool: Pool) -> None:
    cached_answers.cache_answer("k", Answer(text="x"), site="demo", conversation="none", question="q", seconds=60)
    assert rows(store) == []
