"""Texts become vectors by one model, whoever of its providers is well; vectors of two models are never mixed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

import bot
from bot import budgeting, plugins, spending, switches
from bot.ai import ProviderError, ProviderErrorKind
from bot.fleet_building import BreakerRows
from bot.fleet_settings import set_order
from plugins import budgets
from tests.commanding import command
from tests.fakes.llm import FakeLLM
from tests.fakes.llm_vectors import SIZE, vector
from tests.patience import patient

MODEL = "text-embedding-3-small"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def spare() -> Iterator[FakeLLM]:
    """The server behind the plugin ``compatible``."""
    with FakeLLM() as fake:
        yield fake


@pytest.fixture
def on(
    store: Any, llm: FakeLLM, spare: FakeLLM, environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Switch the providers on: ``on(MODEL)`` gives the second one this embedding model."""

    def start(model_of_spare: str = "") -> None:
        environment(
            OPENAI_API_KEY="sk-1", OPENAI_BASE_URL=llm.openai_url, DESKHAND_COMPATIBLE_URL=spare.openai_url,
            DESKHAND_COMPATIBLE_MODEL="small", DESKHAND_COMPATIBLE_EMBEDDING_MODEL=model_of_spare or None,
        )  # fmt: skip
        plugins.load_plugins("worker")
        set_order(["openai", "compatible"], actor="test")

    yield start
    plugins.forget_plugins()


def asked(fake: FakeLLM) -> list[dict[str, Any]]:
    return [request for request in fake.requests if request["api"] == "embeddings"]


def test_each_text_has_its_vector_in_order_whatever_order_the_server_has(on: Any, llm: FakeLLM) -> None:
    on()
    texts = [f"text number {n}" for n in range(150)]
    vectors = bot.embed_texts(texts)
    assert bot.embedding_model() == MODEL
    assert [len(request["texts"]) for request in asked(llm)] == [64, 64, 22]
    assert len(vectors) == 150 and {len(one) for one in vectors} == {SIZE}
    for text, found in zip(texts, vectors, strict=True):
        assert found == pytest.approx(vector(text, MODEL))
    assert bot.embed_texts([]) == []


def test_long_and_empty_texts_are_cut_and_asked_for_all_the_same(on: Any, llm: FakeLLM) -> None:
    on()
    assert len(bot.embed_texts(["", "x" * 50_000, *["y" * 9_000] * 9])) == 11
    sent = [request["texts"] for request in asked(llm)]
    assert sent[0][0] == "-" and len(sent[0][1]) == 12_000
    assert all(sum(map(len, texts)) <= 60_000 for texts in sent) and len(sent) == 2


@pytest.mark.parametrize("fault", ["500", "529", "401", "drop", "few", "lengths", "words", "not_json"])
def test_another_provider_of_the_same_model_takes_over(on: Any, llm: FakeLLM, spare: FakeLLM, fault: str) -> None:
    on(MODEL)
    llm.embedding_faults.append(fault)
    assert bot.embed_texts(["refunds", "returns"])[1] == pytest.approx(vector("returns", MODEL))
    assert len(asked(spare)) == 1


def test_a_provider_of_another_model_never_takes_over(on: Any, llm: FakeLLM, spare: FakeLLM) -> None:
    on("other-model")
    llm.embedding_faults.extend(["500", "500"])
    with pytest.raises(ProviderError) as caught:
        bot.embed_texts(["refunds"])
    assert caught.value.kind is ProviderErrorKind.TEMPORARY and not asked(spare)
    assert bot.embed_texts(["refunds"], model="other-model")[0] == pytest.approx(vector("refunds", "other-model"))
    with pytest.raises(ProviderError, match="no provider that is on has the embedding model gone-1"):
        bot.embed_texts(["refunds"], model="gone-1")


def test_the_order_of_embeddings_is_its_own(on: Any, spare: FakeLLM) -> None:
    on("other-model")
    assert bot.embedding_model() == MODEL
    set_order(["compatible"], actor="test", task="embed")
    plugins.registry().on_changed()
    assert bot.embedding_model() == "other-model"


def test_a_server_that_hangs_is_left_behind_in_time(on: Any, llm: FakeLLM, spare: FakeLLM) -> None:
    on(MODEL)
    llm.embedding_faults.append("stall")
    began = time.monotonic()
    assert bot.embed_texts(["refunds"], seconds=6.0)
    assert time.monotonic() - began < patient(6.0) and len(asked(spare)) == 1


def booked() -> dict[str, tuple[int, int]]:
    """Tokens and cost of today, by scope."""
    return {one.scope: (one.tokens, one.cost) for one in budgeting.spent_of_day()}


def test_what_vectors_cost_is_counted_for_the_installation(on: Any, llm: FakeLLM, store: Any) -> None:
    on()
    bot.embed_texts(["x" * 12_000] * 10)  # two requests of 15,000 tokens, at 0.02 dollars a million
    llm.embedding_faults.append("500")  # nobody says what a failure took
    bot.embed_texts(["y" * 400])
    until(lambda: booked().get("embeddings", (0, 0))[0] >= 30_100)
    assert booked() == {"all": (30_100, 602), "embeddings": (30_100, 602)}
    shown = command(store, "budgets").output.splitlines()
    assert shown[0].startswith("installation") and "30,100 tokens, $0.0006, 0 answers" in shown[0]
    assert shown[1].startswith("embeddings   of the installation") and shown[1].endswith(" 30,100 tokens, $0.0006")


def test_a_server_that_counts_nothing_is_reckoned_by_the_texts(on: Any, llm: FakeLLM) -> None:
    on()
    llm.embedding_faults.append("uncounted")
    assert bot.embed_texts(["z" * 4_000])[0] == pytest.approx(vector("z" * 4_000, MODEL))
    until(lambda: bool(booked()))
    assert booked()["embeddings"] == (1_001, 21)


def test_embeddings_bring_the_installation_nearer_to_its_limit(on: Any, store: Any) -> None:
    on()
    bot.embed_texts(["x" * 12_000] * 3)
    until(lambda: bool(booked()))
    found = list(budgets.standings(budgets.BudgetSettings(all_tokens=10_000), budgeting.spent_of_day()))
    assert [(one.spent.scope, one.step) for one in found if one.limit == 10_000] == [("all", "cheap")]
    store.write(lambda: spending.book_embeddings(900, 0))
    found = list(budgets.standings(budgets.BudgetSettings(all_tokens=10_000), budgeting.spent_of_day()))
    assert [one.step for one in found if one.limit == 10_000] == ["quotes"]


def until(happened: Callable[[], bool]) -> None:
    """Wait for what is written without anybody waiting for it."""
    end = time.monotonic() + patient(5)
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_lonely_provider_is_asked_once_more(on: Any, llm: FakeLLM) -> None:
    on()
    llm.embedding_faults.append("429")
    assert len(bot.embed_texts(["refunds"])) == 1 and len(asked(llm)) == 2


def test_wrong_keys_are_told_to_all_processes_and_not_tried_again(
    on: Any, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    on()
    llm.embedding_faults.append("401")
    with pytest.raises(ProviderError) as caught:
        bot.embed_texts(["refunds"])
    assert caught.value.kind is ProviderErrorKind.CONFIG and "sk-1" not in str(caught.value)
    assert "config" in str(BreakerRows().load(f"openai/{MODEL}"))
    monkeypatch.setattr("bot.fleet_building._keeper", None)  # as another process
    with pytest.raises(ProviderError, match="left out"):
        bot.embed_texts(["refunds"])
    assert len(asked(llm)) == 1


def test_without_a_provider_that_can_it_is_said(on: Any) -> None:
    on()
    switches.switch("openai", False, actor="test")
    plugins.registry().on_changed()
    assert bot.embedding_model() == ""
    with pytest.raises(ProviderError, match="no provider that is on makes embeddings"):
        bot.embed_texts(["refunds"])
