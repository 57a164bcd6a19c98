"""A question means what it means in its conversation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot import Question
from plugins.knowledge.follow_up import meant

DIALOGUES = yaml.safe_load((Path(__file__).parent / "dialogues.yaml").read_text("utf-8"))


@pytest.mark.parametrize("dialogue", DIALOGUES["leaning"], ids=lambda dialogue: dialogue["asks"])
def test_a_question_that_leans_takes_over_what_was_said(dialogue: dict[str, object]) -> None:
    said = meant(
        Question(site="", text=str(dialogue["asks"]), context="\n".join(dialogue["said"])),  # type: ignore[call-overload]
        str(dialogue.get("language", "en")),
    )
    for word in dialogue["keeps"]:  # type: ignore[attr-defined]
        assert word in said.carried, said
    for word in dialogue.get("drops", []):  # type: ignore[attr-defined]
        assert word not in said.carried, said
        assert word not in said.text.casefold(), said


@pytest.mark.parametrize("dialogue", DIALOGUES["alone"], ids=lambda dialogue: dialogue["asks"])
def test_a_question_that_stands_alone_takes_over_nothing(dialogue: dict[str, object]) -> None:
    text = str(dialogue["asks"])
    said = meant(
        Question(site="", text=text, context="\n".join(dialogue["said"])),  # type: ignore[call-overload]
        str(dialogue.get("language", "en")),
    )
    assert said.text == text
    assert said.carried == ()
