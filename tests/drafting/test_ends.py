"""What is left of drafts: erased, old, counted, hostile."""

from __future__ import annotations

import re
from typing import Any

from bot import (
    clock,
    draft_numbers,
    drafting,
    erase,
)
from bot.desk_actions import Action
from bot.metrics import exposition
from bot.pages import Words
from bot.store import AgentDraft
from bot.workplace import draft_pages
from tests.commanding import command
from tests.fakes.llm import Script
from tests.test_desks import World, world  # noqa: F401  the fixture

from .conftest import ANSWER, Shop, words_of


def test_erasing_forgets_the_words_and_keeps_the_count(shop: Shop, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    shop.made(words="say sorry")
    row = shop.rows()[0]
    assert "working days" not in row.text and "sorry" not in row.instruction and row.sources.startswith("sealed:")
    assert shop.newest().text == ANSWER and shop.newest().instruction == "say sorry"
    shop.ask("one more")
    draft = shop.rows()[0].id
    erase.erase_conversation(shop.world.conversation)
    for one in shop.rows():
        assert (one.text, one.instruction, one.sources, one.conversation_id, one.person) == ("", "", "", None, "")
    assert shop.mine() == []
    for what in ("send", "discard", "show"):
        assert shop.press(what, draft, thread="").code == "stale"
    assert shop.write() is None and shop.llm.requests and len(shop.llm.requests) == 1
    assert "customer has deleted" in shop.press("send", draft).aside


def test_old_words_go_and_their_counts_stay(shop: Shop) -> None:
    shop.made()
    shop.store.write(lambda: AgentDraft.update(started_at=clock.now() - 31 * 86_400).execute())
    drafting.tidy()
    (row,) = shop.rows()
    assert (row.text, row.sources, row.state) == ("", "", "ready") and shop.mine() == []
    for what, more in (("send", {}), ("edited", {"fields": {"text": "Hello"}}), ("shorter", {}), ("show", {})):
        assert shop.press(what, row.id, **more).aside == draft_pages.GONE, (
            "buttons of a month ago still stand in the thread"
        )
    assert draft_pages.GONE in words_of(shop.form("edit", row.id)) and shop.replies() == []
    shop.store.write(lambda: AgentDraft.update(started_at=clock.now() - 401 * 86_400).execute())
    drafting.tidy()
    assert shop.rows() == []


def test_what_became_of_drafts_is_counted(shop: Shop) -> None:
    shop.llm.default = Script(answer=ANSWER, usage=(100, 20))
    assert "There were no drafts" in command(shop.store, "drafts").output
    for deed in ("send", "edited", "discard", "friendlier", "", "again"):
        shop.ask()
        shop.write()
        if deed == "edited":
            shop.press(
                deed, shop.form("edit").value, fields={"text": "Your money is back within 5 working days. Cheers"}
            )
        elif deed == "friendlier":
            shop.press(deed)
            shop.write()
        elif deed and deed != "again":
            assert shop.press(deed).code in {"held", "done"}
        shop.replies()
    shop.llm.default = Script(fault="401")
    shop.world.customer("Do you know the elephants of Patagonia?")
    shop.ask("Patagonia")
    shop.write()
    month = draft_numbers.month_of(clock.now())
    output = command(shop.store, "drafts").output
    assert output.startswith(f"{month}  openai gpt-5.5 ")
    assert "7 made, 1 sent as it is, 1 edited (" in output and "% of the words left)" in output
    assert "3 rewritten, 1 discarded, 0 ignored, 1 open; 840 tokens, $" in output
    shop.world.do("T1:ana", "action", action=Action.RESOLVE)
    assert "1 ignored" in command(shop.store, "drafts", "--month", month).output
    assert "There were no drafts" in command(shop.store, "drafts", "--month", "2020-02").output
    assert "is no month" in command(shop.store, "drafts", "--month", "soon").output
    erase.erase_conversation(shop.world.conversation)
    assert "7 made, 1 sent as it is" in command(shop.store, "drafts").output
    counted = exposition()[0].decode()
    assert re.search(r'agent_drafts_total\{became="as_it_is",model="gpt-5.5",provider="openai"\} \d', counted)


def test_hostile_words_of_a_model_stay_words(shop: Shop) -> None:
    hostile = (
        "<!channel> <@U1> *bold* [click](https://evil.example) ![x](https://evil.example/a.png) <script>alert(1)</script> @here "
        + "long " * 900
    )
    page = shop.made(hostile)
    view = shop.newest()
    assert len(view.text) <= drafting.LONGEST and view.text.endswith("…") and "evil.example" not in view.text
    assert [part.style for part in page.parts if isinstance(part, Words) and "alert" in part.text] == ["markdown"]
    assert shop.press("send").code == "held" and len(shop.replies()) == 1
