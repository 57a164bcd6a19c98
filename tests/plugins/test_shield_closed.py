"""A shield that does not work: no text goes to a provider, whatever happened to it, and nobody is left without an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import alarms, clock, handoff, jobs, lease, switches
from bot.ai import ProviderError
from bot.embedding import embed_texts
from bot.housekeeping import core_jobs
from bot.messages import Inbound, Receipt
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.shielding import mask_texts
from bot.snapshot import RequiredPluginFailed
from bot.store import Audit, Mail, Ticket
from bot.turns_process import Pool
from tests.fakes.llm import FakeLLM, Script
from tests.patience import patient, wait_for
from tests.registries import TURN, House

SHIELD = """
    import time
    from dataclasses import replace
    from bot import PluginInfo, Settings, hookimpl, setting

    PLUGIN = PluginInfo(on=True, required=True)

    class Broken(Settings):
        level: int = setting(1, ge=1)

    @hookimpl
    def settings_schema():
        return Broken

    @hookimpl
    def before_ai(prompt):
        {what}

    @hookimpl
    def mask_text(text):
        {what}
"""
RAISES = "raise ValueError('no')"
LOOPS = "while True: time.sleep(0.01)"
GARBAGE = "return 7"
EXITS = "raise SystemExit"


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        server.default = Script(answer="A model said this.")
        yield server


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[House]:
    alarms.forget_alarms()
    made = House(monkeypatch, tmp_path / "plugins")
    yield made
    made.close()


@pytest.fixture
def begun(store: Any, house: House, environment: Callable[..., None], llm: FakeLLM) -> Iterator[Callable[..., Pool]]:
    """Start the pool of answers with a shield of the operator's own beside ours."""
    pools: list[Pool] = []

    def start(what: str) -> Pool:
        house.write("my_shield", SHIELD.format(what=what))
        environment(
            OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url, DESKHAND_PLUGINS_DIR=str(house.folder),
            DESKHAND_TEAM_MAIL="team@shop.example",
        )  # fmt: skip
        store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
        lease.start("turns")
        registry = load_plugins("turns")
        pool = Pool(4, registry)
        registry.on_overdue = pool.on_overdue
        pools.append(pool)
        return pool

    yield start
    for pool in pools:
        pool.drain()
    forget_plugins()
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None, DESKHAND_PLUGINS_DIR=None, DESKHAND_TEAM_MAIL=None)


def ask(pool: Pool, store: Any, text: str, who: str = "anna") -> Any:
    before = clock.now()
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=who, place=who, text=text)])[0]
    assert isinstance(got, Receipt)
    pool.on_wake(got.conversation_id.encode())
    message = store.Message
    return wait_for(
        lambda: store.read(
            lambda: message.get_or_none(
                (message.author == "ai")
                & (message.conversation == got.conversation_id)
                & (message.created_at >= before)
            )
        ),
        20,
    )


@pytest.mark.parametrize("what", [RAISES, LOOPS, GARBAGE, EXITS], ids=["raises", "hangs", "garbage", "exits"])
def test_no_question_goes_to_a_provider(store: Any, begun: Any, llm: FakeLLM, what: str) -> None:
    pool = begun(what)
    answer = ask(pool, store, "Hello, my mail is anna@example.com")
    assert llm.requests == []
    assert answer.kind == "offline", "the assistant without a model is asked, as it sends nothing anywhere"
    again = ask(pool, store, "Where is my order?", "ben")  # by now the hook is skipped, or called once more
    assert again.kind in {"offline", "fallback"}
    assert llm.requests == []
    trail = store.read(lambda: [(row.action, row.object) for row in Audit.select()])
    assert ("alarm.required_plugin_failed", "plugin:my_shield") in trail
    assert store.read(lambda: Mail.select().where(Mail.kind == "team.alarm").count()) == 1


def test_a_shield_that_was_struck_off_by_the_machine_still_closes_and_an_admins_switch_opens(
    store: Any, begun: Any, llm: FakeLLM
) -> None:
    pool = begun(RAISES)
    for number in range(3):
        ask(pool, store, "Hello", f"visitor{number}")
        wait_for(lambda n=number: _strikes(store) > n, 5)
    assert not pool.registry.fresh().is_on("my_shield")
    ask(pool, store, "Hello again", "late")
    assert llm.requests == []
    switches.switch("my_shield", False, actor="cli:anna")
    pool.registry.fresh()
    assert ask(pool, store, "Now?", "later").body == "A model said this."
    assert len(llm.requests) == 1


def _strikes(store: Any) -> int:
    row = store.read(lambda: store.PluginState.get_or_none(store.PluginState.name == "my_shield"))
    return int(row.strikes) if row else 0


def test_without_one_that_can_quote_a_person_is_called(store: Any, begun: Any, llm: FakeLLM) -> None:
    pool = begun(RAISES)
    switches.switch("offline", False, actor="cli:anna")
    answer = ask(pool, store, "Hello, my mail is anna@example.com")
    assert answer.kind == "fallback"
    assert store.read(lambda: Ticket.select().count()) == 1
    assert llm.requests == []


def test_summaries_and_vectors_do_without(store: Any, begun: Any, llm: FakeLLM) -> None:
    pool = begun(RAISES)
    ask(pool, store, "Hello")
    conversation = store.read(lambda: store.Conversation.get().id)
    store.write(lambda: handoff.hand_over(conversation, "asked for a person"))
    pool.drain()
    forget_plugins()
    load_plugins("worker")
    for job, kind, _ in store.read(jobs.due):
        if kind == "ticket.summary":
            jobs.claim_and_run(job, core_jobs())
    assert store.read(lambda: Ticket.get().summary_by) == "extract"
    with pytest.raises(ProviderError, match="my_shield"):
        embed_texts(["anna@example.com"])
    assert llm.requests == []


def test_one_whose_settings_no_longer_fit_closes_too(house: House, store: Any) -> None:
    house.write("my_shield", SHIELD.format(what="return None"))
    registry = house.load()
    assert registry.fresh().pipe("mask_text", "text", "hi") == "hi"
    store.write(lambda: store.PluginState.create(name="my_shield", settings='{"level": 0}', changed_at=0))
    switches.change(lambda: None)
    with pytest.raises(RequiredPluginFailed, match="my_shield"):
        registry.fresh().pipe("before_ai", "prompt", None, turn=TURN)


def test_one_that_does_not_import_closes_until_an_admin_switches_it_off(house: House, store: Any) -> None:
    house.write("lost_shield", SHIELD.format(what="return None") + "\n    import there_is_no_such_module\n")
    registry = house.load()
    (one,) = registry.broken
    assert one.required
    with pytest.raises(RequiredPluginFailed, match="lost_shield"):
        mask_texts(["hi"], registry.fresh())
    switches.switch("lost_shield", False, actor="cli:anna")
    assert mask_texts(["hi"], registry.fresh()) == ["hi"]


def test_with_one_that_does_not_import_articles_are_still_quoted_and_the_team_hears(
    store: Any, begun: Any, house: House, llm: FakeLLM
) -> None:
    house.write("lost_shield", SHIELD.format(what="return None") + "\n    import there_is_no_such_module\n")
    pool = begun("return None")
    answer = ask(pool, store, "Hello, my mail is anna@example.com")
    assert answer.kind == "offline" and llm.requests == []
    trail = store.read(lambda: [(row.action, row.object) for row in Audit.select()])
    assert ("alarm.required_plugin_failed", "plugin:lost_shield") in trail


def test_one_that_is_not_wanted_is_not_missed(house: House) -> None:
    house.write("my_shield", SHIELD.format(what=RAISES).replace("on=True, ", "on=False, "))
    assert mask_texts(["hi"], house.load().fresh()) == ["hi"]


def test_its_hook_comes_after_all_others(house: House) -> None:
    house.write("aa", SHIELD.format(what="return None"))
    late = "from bot import hookimpl\n@hookimpl(trylast=True)\ndef mask_text(text): return text\n"
    house.write("zz", late)
    assert house.load().snapshot().plugins("mask_text") == ("zz", "aa")


def test_a_call_that_waits_in_c_is_left_behind_and_still_nothing_goes_out(store: Any, begun: Any, llm: FakeLLM) -> None:
    pool = begun("time.sleep(6)")
    began = time.monotonic()
    answer = ask(pool, store, "Hello, my mail is anna@example.com")
    assert answer.kind == "offline" and llm.requests == []
    assert time.monotonic() - began < patient(15)


def test_the_list_of_plugins_says_what_a_missing_one_means(house: House, store: Any) -> None:
    house.write("lost_shield", SHIELD.format(what="return None") + "\n    import there_is_no_such_module\n")
    house.write("my_shield", SHIELD.format(what=RAISES))
    registry = house.load()
    for _ in range(3):
        switches.strike("my_shield", "before_ai", "no", wait=True)
    said = {row.name: row.why for row in registry.fresh().status()}
    assert all("no question goes to an AI provider" in said[name] for name in ("my_shield", "lost_shield"))
