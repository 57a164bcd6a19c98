"""Cards stay within Slack's limits whatever is in them, and nothing in them commands anything."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot import Action, Card, Line, State
from channels.slack.buttons import LABELS, actions_block, read_carried
from channels.slack.card import card_blocks, card_fallback
from channels.slack.prose import prose
from channels.slack.rich import verbatim
from tests.fakes.slack_limits import wrong_blocks

from .conftest import a_card

HOSTILE = "<!channel> <@U1> <https://evil.example|bank> &lt;!here&gt; *b* `c` ```\n\n# :tada: \x00\u202e"


def valid(blocks: list[dict[str, Any]]) -> None:
    """By Slack's own models, and by the limits of its documentation."""
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None, block
        parsed.validate_json()
    assert wrong_blocks(blocks) == ""


def texts(value: Any, mrkdwn: bool = False) -> list[str]:
    """All texts that Slack reads as mrkdwn (or all others)."""
    if isinstance(value, dict):
        own = (
            [value["text"]] if isinstance(value.get("text"), str) and (value.get("type") == "mrkdwn") == mrkdwn else []
        )
        return own + [one for item in value.values() for one in texts(item, mrkdwn)]
    return [one for item in value for one in texts(item, mrkdwn)] if isinstance(value, list) else []


@pytest.mark.parametrize("state", get_args(State))
@pytest.mark.parametrize("text", ["", HOSTILE, "ж" * 20_000, "😀" * 9_000, "word " * 5_000, "\n" * 3_000])
def test_any_content_makes_a_valid_card(state: State, text: str) -> None:
    card = Card(
        conversation_id="0193a4c2-7b1e-7c3d-9f00-0123456789ab", ticket=10**9, version=10**9, state=state, customer=text, email=text,
        language=text, site=text, channel=text, reason=text, summary=text, summary_by="ai", confidence=0.5, page_url="https://x.example/" + text,
        waiting_since=1.0, assignee=text, last_agent=text, resolved_by=text, outcome=text, snoozed_until=9e9, priority="urgent", rating=5,
        actions=tuple(Action), lines=tuple(Line(author="customer", name=text, text=text, at=1.0) for _ in range(50)),
    )  # fmt: skip
    blocks = card_blocks(card)
    valid(blocks)
    assert len(json.dumps(texts(blocks), ensure_ascii=False)) < 9_000
    for text_ in texts(blocks, mrkdwn=True):
        assert "evil" not in text_, "no foreign text where Slack reads commands"
    assert "<" not in card_fallback(card)


def test_what_was_cut_says_so() -> None:
    flat = texts(card_blocks(a_card(summary="long " * 1_000)))
    assert any(one.endswith(" … cut") for one in flat)


def test_a_link_that_leads_nowhere_is_its_words() -> None:
    for text in ("See below.\n\n[two]() three", "See below.\n\n[]()", "- one\n- [two]()"):
        valid(prose(text))
    assert "two" in texts(prose("See below.\n\n[two]() three"))


@given(text=st.text(max_size=2_000), name=st.text(max_size=300), url=st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_random_content_makes_valid_blocks(text: str, name: str, url: str) -> None:
    valid(
        card_blocks(
            a_card(
                summary=text,
                customer=name,
                page_url=url,
                lines=(Line(author="customer", name=name, text=text, at=0.0),),
            )
        )
    )
    valid(verbatim(text))
    valid(prose(text))
    valid(prose(f"- {text}\n\n> {text}\n\n**{text}** [{text}]({url})"))


def test_the_words_of_the_states_are_there_without_the_pictures() -> None:
    def title(**changed: Any) -> str:
        return str(card_blocks(a_card(**changed))[0]["text"]["text"])

    assert title() == "🟠 Waiting · #1042 · Anna Kovač"
    assert title(state="human", assignee="Ben") == "🟢 Ben is on it · #1042 · Anna Kovač"
    assert title(state="resolved") == "⚪ Resolved · #1042 · Anna Kovač"
    assert title(snoozed_until=9e9) == "😴 Snoozed · #1042 · Anna Kovač"
    assert title(priority="urgent", customer="").startswith("‼️ Urgent · 🟠 Waiting")
    assert "Visitor" in title(customer="  ")


def test_times_are_told_in_the_readers_own_zone() -> None:
    about = card_blocks(a_card())[1]["elements"][0]["elements"]
    assert next(part for part in about if part["type"] == "date")["format"] == "{time}"


def test_there_is_one_primary_button_and_every_action_can_be_reached() -> None:
    for count in range(1, len(Action) + 1):
        actions = tuple(Action)[:count]
        block = actions_block(actions, conversation="c", block_id="card:c:1")
        assert block is not None
        valid([block])
        assert sum("style" in one for one in block["elements"]) == (1 if actions != (Action.TRANSFER,) else 0)
        carried = [one.get("value") for one in block["elements"]] + [
            o["value"] for one in block["elements"] for o in one.get("options", [])
        ]
        reached = {read.action for one in carried if one and (read := read_carried(one))}
        assert reached | ({Action.TRANSFER} if Action.TRANSFER in actions else set()) == set(actions)
    assert set(LABELS) == set(Action)
    assert actions_block(()) is None


@pytest.mark.parametrize("text", ["", "nonsense", "claim", "destroy|c||", "|||"])
def test_buttons_that_are_not_ours_mean_nothing(text: str) -> None:
    read = read_carried(text)
    assert read is None or read.conversation == ""


def test_a_closed_card_is_short_and_can_be_opened_again() -> None:
    blocks = card_blocks(a_card(state="resolved", resolved_by="Ben", actions=("reopen",)))
    assert [block["type"] for block in blocks][-1] == "actions"
    assert "rich_text_quote" not in json.dumps(blocks)
    assert "Resolved by Ben" in texts(blocks)
