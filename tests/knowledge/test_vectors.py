"""Searching by meaning: vectors are made once, in batches, beside the index; without them a search goes by words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import structlog

from bot import Found, Question, plugins
from plugins.knowledge import vectors as vectors_module
from plugins.knowledge.search import explain, search
from plugins.knowledge.vectors import Vectors
from tests.fakes.llm import FakeLLM
from tests.knowledge.conftest import Shelf
from tests.patience import patient

MODEL = "text-embedding-3-small"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def shelf_with_provider(shelf: Shelf, llm: FakeLLM, environment: Callable[..., None]) -> Iterator[Shelf]:
    environment(OPENAI_API_KEY="sk-1", OPENAI_BASE_URL=llm.openai_url)
    plugins.load_plugins("worker")
    for number in range(80):
        shelf.write(f"{number}.md", f"# Subject {number}\n\nWords of number{number}, apples and heather{number % 7}.")
    shelf.sync()
    yield shelf
    for thread in threading.enumerate():
        if thread.name == "knowledge-vectors":
            thread.join(patient(10))
    plugins.forget_plugins()


def texts(fake: FakeLLM) -> list[int]:
    return [len(request["texts"]) for request in fake.requests if request["api"] == "embeddings"]


def ask(shelf: Shelf, vectors: Vectors, text: str) -> Found:
    return search(shelf.index, Question(site="", text=text, language="en"), vectors=vectors)


def test_vectors_are_made_in_batches_and_only_once(shelf_with_provider: Shelf, llm: FakeLLM) -> None:
    vectors = Vectors(shelf_with_provider.index)
    assert (vectors.standing().model, vectors.standing().done, vectors.standing().total) == (MODEL, 0, 80)
    made = vectors.catch_up()
    assert made is not None
    assert (made.done, made.total) == (80, 80)
    assert texts(llm) == [64, 16]
    again = Vectors(shelf_with_provider.index).catch_up()
    assert again is not None and again.done == 80
    assert texts(llm) == [64, 16]
    shelf_with_provider.write("new.md", "# Pears\n\nGreen.")
    (shelf_with_provider.root / "3.md").unlink()
    shelf_with_provider.sync()
    later = vectors.catch_up()
    assert later is not None
    assert (later.done, later.total) == (80, 80)
    assert texts(llm) == [64, 16, 1]


def test_what_was_made_before_a_failure_is_kept(shelf_with_provider: Shelf, llm: FakeLLM) -> None:
    vectors = Vectors(shelf_with_provider.index)
    first = vectors.catch_up(0.0)
    assert first is not None and first.done == 64
    llm.embedding_faults.extend(["500"] * 4)
    with pytest.raises(vectors_module.ProviderError):
        vectors.catch_up()
    llm.embedding_faults.clear()
    assert vectors.standing().done == 64


def test_the_meaning_helps_where_words_are_not_shared(
    shelf_with_provider: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake's vectors know equal words only, so a model that knows more is played by one that reads "zzz" as number 42."""
    vectors = Vectors(shelf_with_provider.index)
    vectors.catch_up()
    real = vectors_module.embed_texts
    monkeypatch.setattr(
        vectors_module, "embed_texts",
        lambda said, **more: real([text.replace("zzzz", "words of number42 heather0 subject 42") for text in said], **more),
    )  # fmt: skip
    assert vectors.load() is not None
    words_only = search(shelf_with_provider.index, Question(site="", text="zzzz?", language="en"))
    assert words_only.passages == ()
    assert not words_only.answerable
    found = ask(shelf_with_provider, vectors, "zzzz?")
    assert found.passages[0].title == "Subject 42"
    assert found.answerable
    reasons = explain(shelf_with_provider.index, Question(site="", text="zzzz?", language="en"), vectors=vectors)
    assert reasons.evidence.meaning > 0.5


def test_a_question_is_asked_for_its_vector_once(shelf_with_provider: Shelf, llm: FakeLLM) -> None:
    vectors = Vectors(shelf_with_provider.index)
    vectors.catch_up()
    vectors.load()
    before = len(texts(llm))
    for _ in range(3):
        assert ask(shelf_with_provider, vectors, "apples of number17").passages[0].title == "Subject 17"
    assert len(texts(llm)) == before + 1


@pytest.mark.parametrize("fault", ["stall", "500", "401", "few"])
def test_with_the_provider_away_a_question_is_searched_by_its_words_in_time(
    shelf_with_provider: Shelf, llm: FakeLLM, fault: str
) -> None:
    vectors = Vectors(shelf_with_provider.index)
    vectors.catch_up()
    vectors.load()
    llm.embedding_faults.extend([fault] * 9)
    began = time.monotonic()
    for number in (17, 18, 19, 20):
        assert ask(shelf_with_provider, vectors, f"number{number}").passages[0].title == f"Subject {number}"
    assert time.monotonic() - began < patient(1.5), "only the first question may have waited"


def test_a_search_right_after_a_change_goes_by_words_until_the_vectors_are_read(shelf_with_provider: Shelf) -> None:
    vectors = Vectors(shelf_with_provider.index)
    vectors.catch_up()
    vectors.load()
    shelf_with_provider.write("new.md", "# Pears\n\nGreen pears.")
    shelf_with_provider.sync()
    assert ask(shelf_with_provider, vectors, "green pears").passages[0].title == "Pears"
    deadline = time.monotonic() + patient(10)
    while vectors.of_question("apples") is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_site_is_shown_nothing_of_another_by_meaning_either(
    shelf_with_provider: Shelf, make_site: Callable[[str], str]
) -> None:
    make_site("one")
    two = make_site("two")
    shelf_with_provider.write("secret.md", "---\nsites: [one]\n---\n# Plums\n\nThe secret price of plums is seven.")
    shelf_with_provider.sync()
    vectors = Vectors(shelf_with_provider.index)
    vectors.catch_up()
    vectors.load()
    question = Question(site=two, text="the secret price of plums is seven", language="en", limit=50)
    found = search(shelf_with_provider.index, question, vectors=vectors)
    assert "Plums" not in {passage.title for passage in found.passages}


def test_one_process_of_a_host_makes_them(shelf_with_provider: Shelf) -> None:
    one, other = Vectors(shelf_with_provider.index), Vectors(shelf_with_provider.index)
    with one._alone() as alone:
        assert alone
        assert other.catch_up() is None
    made = other.catch_up()
    assert made is not None and made.done == 80


def test_many_long_vectors_are_thrown_into_fewer_dimensions_and_the_same_is_nearest(
    shelf_with_provider: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors_module, "MANY", 10)
    monkeypatch.setattr(vectors_module, "LARGEST", 64)
    vectors = Vectors(shelf_with_provider.index)
    vectors.catch_up()
    space = vectors.load()
    assert space is not None and space.vectors.shape == (80, 64)
    assert ask(shelf_with_provider, vectors, "Subject 17 words of number17 apples heather3").passages[0].title == (
        "Subject 17"
    )


def test_without_a_provider_that_makes_vectors_nothing_is_made(shelf: Shelf) -> None:
    plugins.load_plugins("worker")
    try:
        shelf.write("a.md", "# Plums\n\nBlue.")
        shelf.sync()
        vectors = Vectors(shelf.index)
        standing = vectors.catch_up()
        assert standing is not None
        assert (standing.model, standing.done, standing.total) == ("", 0, 0)
        assert ask(shelf, vectors, "blue plums").passages[0].title == "Plums"
    finally:
        plugins.forget_plugins()
