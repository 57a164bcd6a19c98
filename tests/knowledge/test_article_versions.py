"""What a person approved or wrote stays until a person decides otherwise; every version can be shown and restored."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from bot import (
    ArticleRefused,
    ArticleText,
    Piece,
    UnusableArticle,
    approve_article,
    article_history,
    article_text,
    article_versions,
    article_view,
    changed_articles,
    draft_article,
    edit_article,
    edit_draft,
    knowledge_version,
    list_articles,
    list_drafts,
    passages_of,
    reject_article,
    remove_article,
    restore_article,
    retire_articles,
    save_articles,
)
from bot import audit as trail
from bot.article_rows import KEPT_VERSIONS
from tests.patience import patient

pytestmark = pytest.mark.usefixtures("store")

TEA = ArticleText(source="web:1", path="/tea", title="Tea", body="Tea is hot.", language="en", checksum="1")


def texts(article: str) -> list[str]:
    return [stored.passage.text for stored in passages_of([article])]


def test_each_text_an_importer_brings_is_a_version() -> None:
    (tea,) = save_articles([TEA])
    save_articles([TEA])
    save_articles([replace(TEA, body="Tea is cold.", checksum="2")])
    assert [(one.number, one.state, one.body, one.author) for one in article_history(tea)] == [
        (2, "live", "Tea is cold.", "web:1"),
        (1, "old", "Tea is hot.", "web:1"),
    ]
    assert len({one.checksum for one in article_history(tea)}) == 2
    assert texts(tea) == ["Tea is cold."]


def test_a_source_never_overwrites_what_a_person_wrote() -> None:
    (tea,) = save_articles([TEA])
    assert edit_article(tea, by="cli:ann", body="Tea is lukewarm.") == 2
    view = article_view(tea)
    assert view is not None
    assert (view.author, view.reviewed_by, view.checksum) == ("cli:ann", "cli:ann", "1")
    before = knowledge_version()

    save_articles([replace(TEA, body="Tea is cold.", checksum="2")])
    assert (texts(tea), article_text(tea)) == (["Tea is lukewarm."], "Tea is lukewarm.")
    (draft,) = list_drafts()
    assert (draft.article, draft.body, draft.beside, draft.author) == (tea, "Tea is cold.", True, "web:1")
    view = article_view(tea)
    assert view is not None
    assert view.checksum == "2"  # the source is followed: it need not bring this text again

    save_articles([replace(TEA, body="Tea is icy.", checksum="3")])
    (draft,) = list_drafts()  # the newer one took the place of the earlier
    assert draft.body == "Tea is icy."
    assert approve_article(draft.id, by="cli:bob") == tea
    assert texts(tea) == ["Tea is icy."]
    assert knowledge_version().number > before.number
    assert [one.state for one in article_history(tea)] == ["live", "replaced", "old", "old"]
    with pytest.raises(ArticleRefused, match="decided already"):
        approve_article(draft.id, by="cli:bob")


def test_what_was_rejected_is_not_asked_for_again() -> None:
    (tea,) = save_articles([TEA])
    edit_article(tea, by="cli:ann", body="Tea is lukewarm.")
    cold = replace(TEA, body="Tea is cold.", checksum="")
    save_articles([cold])
    reject_article(list_drafts()[0].id, by="cli:ann", note="It is not.")
    save_articles([cold])
    assert (list_drafts(), texts(tea)) == ([], ["Tea is lukewarm."])
    assert article_history(tea)[0].note == "It is not."


def test_a_reviewed_article_that_vanished_waits_for_a_decision() -> None:
    (tea,) = save_articles([TEA])
    edit_article(tea, by="cli:ann", title="Good tea")
    assert (retire_articles([tea]), retire_articles([tea])) == (0, 0)
    (removal,) = list_drafts()
    assert (removal.kind, texts(tea)) == ("removal", ["Tea is hot."])
    reject_article(removal.id, by="cli:ann")
    retire_articles([tea])
    assert (list_drafts(), len(texts(tea))) == ([], 1)
    remove_article(tea, by="cli:ann")
    assert (texts(tea), list_articles()) == ([], [])
    assert restore_article(tea, 1, by="cli:ann") == 4
    assert texts(tea) == ["Tea is hot."]


def test_an_approved_removal_takes_the_article_away() -> None:
    (tea,) = save_articles([TEA])
    edit_article(tea, by="cli:ann", title="Good tea")
    retire_articles([tea])
    approve_article(list_drafts()[0].id, by="cli:ann")
    assert (list_articles(), list_drafts()) == ([], [])
    save_articles([TEA])  # its source has it again, and nobody has reviewed that
    assert [(view.state, view.reviewed_by) for view in list_articles()] == [("live", "")]


def test_a_draft_is_not_retrieved_before_it_is_approved() -> None:
    learned = ArticleText(source="learned", path="c1", title="Mugs", body="Mugs hold 0.3 litres.", language="en")
    draft = draft_article(learned, author="learning", note="From conversation 1.")
    assert list_articles() == []
    (view,) = list_articles(drafts=True)
    assert (view.state, texts(view.id)) == ("draft", [])
    better = edit_draft(draft, by="cli:ann", body="Mugs hold 0.4 litres.")
    assert [one.id for one in list_drafts()] == [better]
    assert approve_article(better, by="cli:bob") == view.id
    assert texts(view.id) == ["Mugs hold 0.4 litres."]
    stored = article_view(view.id)
    assert stored is not None
    assert (stored.author, stored.reviewed_by, stored.state) == ("cli:ann", "cli:bob", "live")

    other = draft_article(replace(learned, path="c2"), author="learning")
    reject_article(other, by="cli:ann")
    assert len(list_articles(drafts=True)) == 1


def test_restoring_makes_a_new_version_of_an_old_one() -> None:
    (tea,) = save_articles([TEA])
    save_articles([replace(TEA, body="Tea is cold.", checksum="2")])
    assert restore_article(tea, 1, by="cli:ann") == 3
    assert texts(tea) == ["Tea is hot."]
    with pytest.raises(ArticleRefused, match=r"no version 9 .* 1, 2, 3"):
        restore_article(tea, 9, by="cli:ann")
    with pytest.raises(ArticleRefused, match="no such article"):
        restore_article("nothing", 1, by="cli:ann")
    assert [entry.action for entry in trail.entries(object=f"article:{tea}")] == ["article.restore"]


def test_articles_for_agents_are_never_among_what_customers_get() -> None:
    (tea,) = save_articles([replace(TEA, visibility="internal")])
    assert texts(tea) == []
    assert [stored.passage.text for stored in passages_of([tea], internal=True)] == ["Tea is hot."]
    edit_article(tea, by="cli:ann", visibility="public")
    assert texts(tea) == ["Tea is hot."]


def test_what_a_source_keeps_for_agents_is_kept_at_once_although_it_was_reviewed() -> None:
    (tea,) = save_articles([TEA])
    edit_article(tea, by="cli:ann", body="Tea is lukewarm.")
    before = knowledge_version().number
    save_articles([replace(TEA, visibility="internal", checksum="2")])
    assert (texts(tea), list_drafts()) == ([], [])
    assert tea in changed_articles(before)
    edit_article(tea, by="cli:ann", visibility="public")
    save_articles([replace(TEA, visibility="public", checksum="3")])
    assert texts(tea) == ["Tea is lukewarm."]


def test_articles_without_text_are_refused_before_anything_is_stored() -> None:
    with pytest.raises(UnusableArticle, match="headings, but no text"):
        save_articles([TEA, replace(TEA, path="/x", body="# Only\n\n## heads")])
    with pytest.raises(UnusableArticle, match="no text"):
        draft_article(replace(TEA, body=" \n"), author="cli:ann")
    assert list_articles(drafts=True) == []
    assert save_articles([replace(TEA, body="", pieces=(Piece(text="Given."),))])


def test_old_versions_are_forgotten_and_drafts_are_not() -> None:
    (tea,) = save_articles([TEA])
    for number in range(KEPT_VERSIONS + 5):
        save_articles([replace(TEA, body=f"Tea number {number}.", checksum=str(number))])
    draft_article(replace(TEA, body="A proposal."), author="learning")
    assert len(article_history(tea)) == KEPT_VERSIONS + 2  # the live one and the draft
    assert min(one.number for one in article_history(tea)) > 1


def test_of_two_who_decide_at_once_one_wins() -> None:
    draft = draft_article(TEA, author="learning")
    outcome: list[str] = []

    def decide(how: str) -> None:
        try:
            approve_article(draft, by="cli:ann") if how == "yes" else reject_article(draft, by="cli:bob")
            outcome.append(how)
        except ArticleRefused:
            outcome.append("refused")

    threads = [threading.Thread(target=decide, args=(how,)) for how in ("yes", "no") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcome) == 6
    assert outcome.count("refused") == 5
    assert trail.verify().problem == ""


def test_a_source_that_changes_a_draft_while_it_is_approved_waits_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tea,) = save_articles([TEA])
    edit_article(tea, by="cli:ann", body="Tea is lukewarm.")
    save_articles([replace(TEA, body="Tea is cold.", checksum="2")])
    (draft,) = list_drafts()
    decided, real = threading.Event(), article_versions._decide

    def slowly(*args: Any, **more: Any) -> None:
        real(*args, **more)
        decided.set()
        time.sleep(0.5)

    monkeypatch.setattr(article_versions, "_decide", slowly)
    failed: list[BaseException] = []

    def approve() -> None:
        try:
            approve_article(draft.id, by="cli:ann")
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=approve)
    thread.start()
    decided.wait(10)
    save_articles([replace(TEA, body="Tea is iced.", checksum="3")])
    thread.join(patient(20))
    assert failed == []
    assert texts(tea) == ["Tea is cold."]
    assert [one.body for one in list_drafts()] == ["Tea is iced."]
