"""What an agent does with a draft, and who may not."""

from __future__ import annotations

import orjson
import pytest

from bot import (
    agents,
    budgeting,
    replies,
    spending,
    switches,
)
from bot.desk import DeskEvent
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.pages import Choice, Field, Row
from bot.plugins import load_plugins
from bot.store import AgentDraft
from bot.workplace import draft_pages, drafts
from tests.fakes.llm import Script
from tests.test_desks import World, world  # noqa: F401  the fixture

from .conftest import ANSWER, Shop, presses_of, words_of


def test_sent_as_it_is_it_takes_the_way_of_a_reply(shop: Shop) -> None:
    shop.made("Note: your money is back within 5 working days [1].")
    done = shop.press("send")
    assert done.code == "held" and done.offer == (Action.UNDO,) and "You claimed this" in done.aside
    assert shop.world.row().assignee == "ana" and shop.states() == ["sent"]
    (said,) = shop.replies()
    assert said.startswith("Note: your money is back within 5 working days.") and "[1]" not in said
    posts = shop.world.pump()
    assert [post.text for post in posts if post.op == "message"] == [said], (
        "shown in the thread: it was not written there"
    )
    assert shop.press("send").aside == draft_pages.SENT and shop.replies() == [said]
    (row,) = shop.rows()
    assert (row.edited, row.similarity) == (False, 1.0)
    assert shop.mine() == []


def test_a_reply_that_is_taken_back_leaves_its_draft(shop: Shop) -> None:
    shop.made()
    held = shop.press("send")
    assert shop.world.do("T1:ana", "action", action=Action.UNDO, value=held.value).code == "done"
    assert [view.state for view in shop.mine()] == ["ready"] and shop.replies() == []
    assert shop.press("send").code == "held" and len(shop.replies()) == 1


def test_the_channel_decides_whether_it_is_held_or_sent_at_all(shop: Shop) -> None:
    shop.made()
    shop.store.write(lambda: replies.set_mode("wall", "W1", "alerts-only"))
    assert shop.press("send").code == "cannot" and shop.states() == ["ready"]
    shop.store.write(lambda: replies.set_mode("wall", "W1", "direct"))
    assert shop.press("send").code == "sent"
    assert [text for author, text in shop.world.said() if author == "agent"] == [
        "Your money is back within 5 working days after the return arrived.\n\nhttps://shop.example/help/refunds"
    ]


def test_one_that_cannot_be_opened_is_left_out(shop: Shop) -> None:
    shop.made()
    shop.store.write(lambda: AgentDraft.update(text="sealed:1:nobody:aGVsbG8").execute())
    assert shop.mine() == [] and shop.press("send", shop.rows()[0].id).aside == draft_pages.GONE
    assert shop.store.read(lambda: draft_pages.rows(agents.agent_named("ana")))  # type: ignore[arg-type]


def test_an_edited_one_counts_as_edited(shop: Shop) -> None:
    shop.made()
    form = shop.form("edit")
    (box,) = [part for part in form.parts if isinstance(part, Field)]
    assert form.kind == "form" and form.what == "drafts.edited" and box.value.startswith("Your money is back")
    for text, word in (("  ", "no text"), ("x" * 3_001, "At most")):
        refused = shop.press("edited", form.value, fields={"text": text})
        assert refused.code == "invalid" and word in refused.errors["text"] and shop.states() == ["ready"]
    done = shop.press(
        "edited", form.value, fields={"text": "Your money is back within 5 working days. Sorry for the wait!"}
    )
    assert done.code == "held" and shop.replies() == ["Your money is back within 5 working days. Sorry for the wait!"]
    (row,) = shop.rows()
    assert row.edited and 0.3 < row.similarity < 1


def test_what_is_older_than_the_last_message_is_asked_for_once_more(shop: Shop) -> None:
    shop.made()
    shop.world.customer("It has arrived by now.")
    assert shop.mine()[0].older
    (row,) = shop.store.read(lambda: draft_pages.rows(agents.agent_named("ana")))  # type: ignore[arg-type]
    assert isinstance(row, Row) and draft_pages.OLDER_SHORT in row.quiet
    asked = shop.press("send")
    assert asked.code == "stale" and asked.page is not None and shop.states() == ["ready"]
    anyway = presses_of(asked.page)["Send anyway"]
    shop.world.do("T1:marko", text="I have it.")
    shop.world.later()
    assert shop.press("send", anyway.value).code == "stale", "somebody else has answered since"
    form = shop.form("edit")
    assert draft_pages.OLDER in words_of(form)
    shop.world.customer("Hello?")
    late = shop.press("edited", form.value, fields={"text": "my own words"})
    assert late.code == "stale" and late.page is not None and late.page.kind == "form"
    (box,) = [part for part in late.page.parts if isinstance(part, Field)]
    assert box.value == "my own words", "nothing that was typed is lost"
    assert shop.press("edited", late.page.value, fields={"text": box.value}).code == "held"
    assert shop.replies() == ["I have it.", "my own words"]


def test_versions(shop: Shop) -> None:
    shop.made(f"{ANSWER} We are sorry.")
    for way, say in (("shorter", "half as long"), ("friendlier", "warmer")):
        shop.llm.script(Script(answer=f"{way}: {ANSWER}"))
        assert shop.press(way).aside == drafts.REWRITING
        shop.write()
        assert say in orjson.dumps(shop.llm.requests[-1]).decode()
        assert shop.newest().text == f"{way}: {ANSWER}" and [one.n for one in shop.newest().sources] == [1]
    shop.store.write(lambda: shop.store.Conversation.update(language="de-AT").execute())
    form = shop.form("translate")
    (choice,) = form.parts
    assert isinstance(choice, Choice) and choice.chosen == ("de",) and form.what == "drafts.translated"
    assert [one.label for one in choice.options[:2]] == ["German (the customer's)", "Arabic"]
    assert shop.press("translated", form.value, fields={"language": "klingon"}).code == "invalid"
    shop.llm.script(Script(answer="Ihr Geld ist in 5 Werktagen da [1]."))
    assert "German" in shop.press("translated", form.value, fields={"language": "de"}).aside
    shop.write()
    assert "Translate it into German" in shop.sent_to_models()
    assert shop.newest().text == "Ihr Geld ist in 5 Werktagen da [1]."
    assert shop.states() == ["replaced", "replaced", "replaced", "ready"]
    first = shop.rows()[0].id
    assert shop.press("send", first).aside == draft_pages.REPLACED and shop.replies() == []
    assert shop.press("discard").aside == "Discarded. Nothing was sent."
    assert shop.press("send").aside == draft_pages.DISCARDED and shop.mine() == []


@pytest.mark.parametrize("meanwhile", ["send", "discard"])
def test_a_version_of_what_was_sent_or_discarded_is_not_waited_for(shop: Shop, meanwhile: str) -> None:
    switches.store_settings("budgets", "{}", {"all_tokens": 1_000_000}, actor="test", changed=("all_tokens",))
    load_plugins("worker").on_changed()
    shop.made()
    first = shop.newest().id
    shop.press("shorter")
    version = shop.newest().id
    before = shop.held()
    # A worker has begun with it, and dies.
    budgeting.set_aside(f"{spending.DRAFT}{version}", 500, 40)
    assert shop.held() == {scope: held + 500 for scope, held in before.items()} and set(before) == set(spending.SCOPES)
    assert shop.press(meanwhile, first).code in {"held", "done"}
    assert shop.states()[1] == "replaced" and shop.held() == before, "nothing stays set aside"
    asked = len(shop.llm.requests)
    assert shop.write() is None and len(shop.llm.requests) == asked
    assert shop.press("send", version).aside == draft_pages.REPLACED
    assert len(shop.replies()) == (meanwhile == "send")


def test_who_may_not_and_when(shop: Shop) -> None:
    shop.llm.default = Script(answer=ANSWER)
    for kind, more in (("command", {"text": "draft"}), ("press", {"what": "drafts.send", "value": "x"})):
        assert shop.event("stranger", kind, **more).code == "not_linked"
        assert shop.event("stranger", kind, trusted=False, **more).code == "not_allowed"
    agents.add_agent("eye", role="viewer", actor="test")
    agents.link("eye", "wall", "T1:eye", actor="test")
    assert shop.ask(who="eye").code == "not_allowed"
    assert "only in the thread" in shop.event("ana", "command", text="draft", thread="").aside
    assert shop.ask("x" * 501).code == "cannot" and shop.rows() == []
    shop.made()
    mine = shop.newest().id
    for what in ("send", "edited", "shorter", "friendlier", "translated", "discard", "again", "show"):
        fields = {"text": "mine", "language": "de"}
        assert shop.press(what, mine, who="marko", fields=fields).aside == draft_pages.THEIRS
        assert shop.press(what, "nowhere", fields=fields).aside == draft_pages.GONE
    for name in ("edit", "translate"):
        assert words_of(shop.form(name, who="marko")) == draft_pages.THEIRS
        assert words_of(shop.form(name, "nowhere")) == draft_pages.GONE
        assert words_of(shop.form(name, who="stranger")) == drafts.STRANGER
    assert shop.press("send", mine, key="k1").code == "held"
    assert shop.press("send", mine, key="k1").code == "duplicate" and len(shop.replies()) == 1
    shop.ask()
    assert shop.press("send").aside == draft_pages.WRITING
    shop.write()
    ready = shop.newest().id
    shop.world.do("T1:ana", "action", action=Action.RESOLVE)
    refused = shop.press("send", ready)
    assert refused.code == "resolved" and refused.offer == (Action.REOPEN,) and shop.mine() == []
    assert words_of(shop.form("edit", ready)) == draft_pages.RESOLVED
    assert shop.ask().code == "resolved"
    shop.world.do("T1:ana", "action", action=Action.REOPEN)
    shop.world.do("T1:ana", "action", action=Action.RETURN)
    assert shop.ask().code == "stale" and shop.press("send", ready).code == "not_claimed"
    assert len(shop.replies()) == 1


def test_a_button_that_names_another_conversation_does_nothing(shop: Shop) -> None:
    shop.made()
    from bot.messages import Inbound
    from bot.receive import receive

    other = receive([Inbound(channel="widget", key="k9", external_id="ben", place="other", text="Hi")])[0]
    event = DeskEvent(
        desk="wall", key="p9", kind="press", who="T1:ana", what="drafts.send", value=shop.newest().id,
        conversation_id=other.conversation_id,  # type: ignore[union-attr]
    )  # fmt: skip
    assert receive_desk([event])[0].code == "stale" and shop.replies() == []
    home = DeskEvent(
        desk="wall", key="p10", kind="press", who="T1:ana", what="drafts.send", value=shop.newest().id,
        conversation_id=shop.world.conversation,
    )  # fmt: skip
    assert receive_desk([home])[0].code == "held" and len(shop.replies()) == 1, "from the inbox, outside of any thread"


def test_from_the_card(shop: Shop) -> None:
    shop.llm.default = Script(answer=ANSWER)
    done = shop.world.do("T1:ana", "action", action=Action.DRAFT, value="be brief")
    assert done.code == "done" and shop.newest().instruction == "be brief"
    assert shop.write() is not None
    shop.world.customer("And now?")
    cards = [post.card for post in shop.world.posts if post.card]
    assert Action.DRAFT in cards[0].actions
