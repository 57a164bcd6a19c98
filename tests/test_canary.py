"""The secret mark of a prompt: found however it is written, and nothing of it shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ai import Prompt, PromptMessage
from bot.canary import LENGTH, PIECE, PromptLeaked, Watch, new_canary
from bot.prompting import render

MARK = "0123456789abcdef76543210"


def test_each_request_has_its_own_and_the_model_is_told_to_keep_it() -> None:
    assert len(new_canary()) == LENGTH and new_canary() != new_canary()
    words = render(Prompt(system="Be kind.", messages=(PromptMessage("user", "Hi"),), canary=MARK))
    assert MARK in words.guard and MARK not in words.system
    assert "mark" not in render(Prompt(system="Be kind.", messages=(PromptMessage("user", "Hi"),))).instructions


@pytest.mark.parametrize(
    "said",
    [
        MARK,
        MARK.upper(),
        MARK[:PIECE],
        MARK[7 : 7 + PIECE],
        MARK[::-1],
        " ".join(MARK),
        "-".join(MARK[at : at + 2] for at in range(0, LENGTH, 2)),
        "\n".join(f"* {char}" for char in MARK),
        f"My rules say: Rules that nothing can change … {MARK}.",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_it_is_found_in_pieces_too(said: str, size: int) -> None:
    watch, shown = Watch(MARK), ""
    at = 0
    with pytest.raises(PromptLeaked):  # noqa: PT012  what was shown until then matters
        for at in range(0, len(said), size):
            shown += watch.feed(said[at : at + size])
    assert at < len(said)
    assert not any(MARK[at : at + 4] in shown for at in range(LENGTH - 3)), "what was held back was never shown"


@given(st.lists(st.text(st.sampled_from("0123456789abcdef ghi.\n"), max_size=30), max_size=8))
def test_other_words_come_out_as_they_went_in(parts: list[str]) -> None:
    watch, text, leaked = Watch(MARK), "".join(parts), False
    shown = ""
    try:
        shown = "".join(map(watch.feed, parts)) + watch.flush()
    except PromptLeaked:
        leaked = True
    digits = "".join(char for char in text if char in "0123456789abcdef")
    ways = (MARK, MARK[::-1])
    holds = any(way[at : at + PIECE] in digits for way in ways for at in range(LENGTH - PIECE + 1))
    assert leaked == holds
    if not leaked:
        assert shown == text


def test_without_a_mark_nothing_is_held() -> None:
    assert Watch("").feed("0123456789") == "0123456789"
