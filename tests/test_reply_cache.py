"""The same first question gets the same answer without asking the AI again, and nobody gets what was said to somebody alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot import (
    Answer,
    Image,
    Passage,
    Prompt,
    PromptMessage,
    TurnContext,
    cached_answers,
    clock,
    hours,
    lease,
    prompt_versions,
    remembering,
    sealed_rows,
    switches,
)
from bot.articles import save_articles
from bot.erase import erase_conversation
from bot.knowledge import ArticleText
from bot.messages import Inbound, Receipt, Source
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.turns_process import Pool
from plugins import reply_cache
from tests.commanding import command
from tests.fakes.llm import FakeLLM, Script
from tests.patience import patient

QUESTION = "How do I clean my tent?"


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


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


def until(what: Callable[[], Any], seconds: float = 15.0) -> Any:
    deadline = time.monotonic() + patient(seconds)
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def answers(store: Any, conversation: str) -> list[Any]:
    mine = (store.Message.conversation == conversation) & (store.Message.author == "ai")
    return store.read(lambda: list(store.Message.select().where(mine).order_by(store.Message.seq)))


def ask(store: Any, pool: Pool, text: str = QUESTION, **how: Any) -> Any:
    conversation = say(pool, text, **how)
    return until(lambda: answers(store, conversation))[-1]


def rows(store: Any) -> list[Any]:
    return store.read(lambda: list(store.CachedAnswer.select()))


CLEAN = Script(answer="Clean your tent with lukewarm water and a soft sponge [1].", times=0)


def test_the_same_question_gets_the_same_answer_without_the_ai(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(CLEAN)
    first = ask(store, pool)
    again = ask(store, pool, "  how do i CLEAN my tent ")
    assert (first.kind, again.kind, again.body, again.extra) == ("ai", "cache", first.body, first.extra)
    assert "Cleaning a tent" in again.extra and len(llm.requests) == 1
    (turn,) = store.read(lambda: list(store.Turn.select().where(store.Turn.id == again.turn)))
    assert (turn.state, turn.output_tokens, turn.first_delta_ms is not None) == ("done", 0, True)
    until(lambda: rows(store)[0].hits == 1)


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

    pieces = until(seen)
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
    second = until(lambda: len(answers(store, conversation)) == 2 and answers(store, conversation)[1])
    assert second.kind == "ai" and len(llm.requests) == 3 and len(rows(store)) == 2


def test_a_short_memory_does_not_make_a_first_question(store: Any, pool: Pool, llm: FakeLLM) -> None:
    prompt_versions.set_value("", "history", 1, actor="t")
    prompt_versions.publish("", actor="t", force=True)
    llm.script(CLEAN)
    ask(store, pool, "Is a soft sponge good for my tent?", place="anna")
    kept = len(rows(store))
    conversation = say(pool, QUESTION, place="anna")
    until(lambda: len(answers(store, conversation)) == 2)
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
    until(lambda: ask(store, pool).kind == "ai", 5)
    assert ask(store, pool).kind == "cache"
    store.write(lambda: hours.change_site("demo", link_hosts="parcels.example"))
    assert [ask(store, pool).kind, ask(store, pool).kind] == ["ai", "cache"]
    switches.switch("hidden_text", False, actor="t")
    time.sleep(0.3)
    until(lambda: ask(store, pool).kind == "ai", 5)


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


def test_of_fifty_who_ask_at_once_one_makes_the_ai_work(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(replace(CLEAN, first_token_after=0.5))
    talks = [say(pool, QUESTION, wake=False) for _ in range(50)]
    for conversation in talks:
        pool.want(conversation)
    found = [until(lambda c=c: answers(store, c), 30)[-1] for c in talks]  # type: ignore[misc]
    assert len(llm.requests) == 1
    assert sorted(one.kind for one in found) == ["ai"] + ["cache"] * 49
    assert len({one.body for one in found}) == 1 and len(rows(store)) == 1


def test_who_waited_for_an_answer_that_is_not_kept_asks_alone(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(replace(CLEAN, first_token_after=0.3, conclude={"confidence": 0.2}))
    talks = [say(pool, QUESTION, wake=False) for _ in range(5)]
    for conversation in talks:
        pool.want(conversation)
    found = [until(lambda c=c: answers(store, c), 30)[-1] for c in talks]  # type: ignore[misc]
    assert len(llm.requests) == 5 and {one.kind for one in found} == {"ai"}


def test_nobody_waits_longer_than_for_the_first_words(
    store: Any, pool: Pool, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "PATIENCE", 0.4)
    llm.script(replace(CLEAN, first_token_after=2.0))
    first, second = say(pool, QUESTION, wake=False), say(pool, QUESTION, wake=False)
    pool.want(first)
    until(lambda: len(llm.requests) == 1)
    pool.want(second)
    until(lambda: len(llm.requests) == 2, 1.9)


def test_one_who_waits_can_be_stopped(store: Any, pool: Pool, llm: FakeLLM) -> None:
    from bot.stopping import request_stop
    from bot.turns import running_turn

    llm.script(replace(CLEAN, first_token_after=3.0))
    first, second = say(pool, QUESTION, wake=False), say(pool, QUESTION, wake=False)
    pool.want(first)
    until(lambda: len(llm.requests) == 1)
    pool.want(second)
    until(lambda: second in pool.running)
    time.sleep(0.3)
    turn = store.read(lambda: running_turn(second))
    assert turn is not None
    request_stop(second, turn[0])
    pool.on_wake(second.encode())
    assert until(lambda: answers(store, second), 1.5)[0].kind == "stopped"
    assert until(lambda: answers(store, first))[0].kind == "ai" and len(llm.requests) == 1


def test_a_leader_that_dies_leaves_nobody_waiting() -> None:
    flights = remembering.Flights()
    assert flights.begin("k") is None
    other = flights.begin("k")
    assert other is not None and not other.is_set()
    waiting = threading.Thread(target=other.wait)
    waiting.start()
    flights.end("k")
    waiting.join(patient(1))
    assert not waiting.is_alive() and flights.begin("k") is None


# The key -------------------------------------------------------------------------------------------------------

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


# The command line ----------------------------------------------------------------------------------------------


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
