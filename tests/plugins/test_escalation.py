"""The rules that bring a person, called as the registry calls them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot import Answer, Escalation, Reason, TurnContext
from plugins import escalation_caps, escalation_confidence, escalation_keywords, escalation_no_answer

TURN = TurnContext(turn_id="t", conversation_id="c", site="s", channel="x", site_key="shop")


def keyword(question: str, language: str = "", answer: Answer | None = None, **settings: object) -> Escalation | None:
    turn = replace(TURN, question=question, language=language)
    return escalation_keywords.escalate(
        escalation_keywords.KeywordSettings.model_validate(settings), turn=turn, answer=answer
    )


@pytest.mark.parametrize(
    "question",
    [
        "human", "HUMAN!!", "Agent, please", "I would like to speak to a person about my order of last week, thank you",
        "can I talk\nto a human", "I want a real\u00a0person now, not a machine that reads from a list",
        "Where is it?\nreal person",
    ],
)  # fmt: skip
def test_who_asks_for_a_person_gets_one_before_the_ai_is_asked(question: str) -> None:
    found = keyword(question)
    assert found is not None and found.reason is Reason.KEYWORD and found.detail and not found.answer_first


@pytest.mark.parametrize(
    "question",
    [
        "", "Is this shampoo made for human hair or for dogs?", "Which cleaning agent may I use on the oak table?",
        "humanitarian", "What does it cost per person to stay for a night?", "personal",
    ],
)  # fmt: skip
def test_a_word_in_another_sense_brings_nobody(question: str) -> None:
    assert keyword(question) is None


def test_words_count_for_their_language_and_all_of_them_where_none_has_a_list() -> None:
    assert keyword("Mensch", "de-AT") is not None
    assert keyword("Mensch", "en") is None
    assert keyword("Mensch", "sv") is not None
    assert keyword("Mensch", "") is not None
    assert keyword("chef", "fr", words={"*": ["chef"], "fr": ["patron"]}) is not None
    assert keyword("转人工客服", "zh", words={"zh": ["人工"]}) is not None


def test_an_answer_is_not_looked_at_again_and_urgent_words_press() -> None:
    assert keyword("human", answer=Answer(text="x")) is None
    found = keyword("If this is not solved today I will call my lawyer about it", urgent=["lawyer"])
    assert found is not None and (found.priority, found.detail) == ("urgent", "lawyer")


def confidence(value: float | None, *, answerable: bool = True, reachable: bool = True, **settings: object) -> object:
    turn = replace(TURN, answerable=answerable, reachable=reachable)
    made = escalation_confidence.ConfidenceSettings.model_validate(settings)
    return escalation_confidence.escalate(made, turn=turn, answer=Answer(text="x", confidence=value))


def test_low_confidence_brings_a_person_while_one_could_come() -> None:
    found = confidence(0.49)
    assert isinstance(found, Escalation)
    assert (found.reason, found.detail, found.answer_first) == (Reason.LOW_CONFIDENCE, "0.49", True)
    assert confidence(0.5) is None and confidence(None) is None
    assert confidence(0.1, reachable=False) is None
    assert confidence(0.1, reachable=False, when="always") is not None
    assert confidence(0.1, answerable=False) is None, "nothing found is another rule's matter"
    replaced = confidence(0.1, answer="replaced", say="One moment.")
    assert isinstance(replaced, Escalation) and (replaced.answer_first, replaced.say) == (False, "One moment.")
    assert escalation_confidence.escalate(escalation_confidence.ConfidenceSettings(), turn=TURN, answer=None) is None


def test_no_answer_offers_a_person_or_brings_one_as_the_site_says() -> None:
    settings = escalation_no_answer.NoAnswerSettings.model_validate({"sites": {"shop": "pass_on"}})
    nothing = replace(TURN, answerable=False)
    unsure = Answer(text="I could not find this.", confidence=0.1)
    passed = escalation_no_answer.escalate(settings, turn=nothing, answer=unsure)
    assert passed is not None and passed.reason is Reason.NOTHING_FOUND
    assert escalation_no_answer.escalate(settings, turn=replace(nothing, reachable=False), answer=unsure) is None
    assert escalation_no_answer.escalate(settings, turn=replace(nothing, site_key="other"), answer=unsure) is None
    offered = escalation_no_answer.after_ai(settings, answer=unsure, turn=nothing)
    assert offered is not None and offered.choices == ("Talk to a person",)
    hello = Answer(text="Hello.", confidence=0.9)
    assert escalation_no_answer.after_ai(settings, answer=hello, turn=nothing) is None
    assert escalation_no_answer.escalate(settings, turn=nothing, answer=hello) is None


@pytest.mark.parametrize(
    ("turn", "detail"),
    [
        ({"turns": 50}, "50 answers"), ({"unhappy": 2}, "2 thumbs down"), ({"turns": 49, "unhappy": 1, "tokens": 10**9}, ""),
    ],
)  # fmt: skip
def test_limits_of_a_conversation(turn: dict[str, int], detail: str) -> None:
    found = escalation_caps.escalate(escalation_caps.CapSettings(), turn=replace(TURN, **turn), answer=None)
    assert (found.detail if found else "") == detail
    assert found is None or (found.reason, found.answer_first) == (Reason.TURN_CAP, False)
    capped = escalation_caps.CapSettings(turns=0, tokens=1_000, unhappy=0)
    assert (escalation_caps.escalate(capped, turn=replace(TURN, tokens=1_000), answer=None) is not None) is True
    assert escalation_caps.escalate(capped, turn=replace(TURN, turns=10**6, unhappy=99), answer=None) is None


def says(question: str, language: str = "", knowledge: int = 7, **settings: object) -> str | None:
    turn = replace(TURN, answerable=False, question=question, language=language, knowledge=knowledge)
    made = escalation_no_answer.NoAnswerSettings.model_validate(settings)
    said = escalation_no_answer.no_answer(made, turn=turn)
    return None if said is None else said.text


@pytest.mark.parametrize(
    ("question", "language", "words"),
    [
        ("Do you sell pianos?", "", "did not find"), ("I want to know how tall the Eiffel tower is", "en", "did not find"),
        ("Verkaufen Sie auch Klaviere?", "de", "keine Antwort"), ("Vendez-vous aussi des pianos ?", "fr", "pas trouvé"),
        ("¿Venden ustedes pianos?", "es", "No he encontrado"), ("ピアノは売っていますか？", "ja", "見つかりません"),
        ("hi\nDo you sell pianos?", "", "did not find"), ("Do you speak to suppliers?", "", "did not find"),
        ("Are you a bot and do you sell pianos?", "", "did not find"), ("12345?", "", "did not find"),
    ],
)  # fmt: skip
def test_a_question_without_an_answer_is_told_so_in_its_language(question: str, language: str, words: str) -> None:
    assert words in (says(question, language) or "")


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "Hi there!",
        "thanks a lot",
        "Danke!",
        "merci beaucoup",
        "yes please",
        "the blue one",
        "ok",
        "",
        "12345",
        "ありがとう",
    ],
)
def test_small_talk_and_a_word_or_two_in_reply_are_the_ais(text: str) -> None:
    assert says(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Are you a bot?", "Hello, how are you?", "Can you help me?", "I need help", "Do you speak German?", "Is anyone there?",
        "What do you mean?", "Can you repeat that?", "Can you say that in English, please?", "why?", "Really?", "???", "What's your name?",
        "Are you sure?", "Thanks, that's all?", "Bist du ein Mensch?", "Können Sie das nochmal erklären?", "Wie meinen Sie das?",
        "Êtes-vous un robot ?", "Pouvez-vous m'aider ?", "¿Eres un robot?", "¿Puedes ayudarme?", "あなたはロボットですか？",
    ],
)  # fmt: skip
def test_what_is_asked_of_the_assistant_or_its_last_words_is_the_ais(text: str) -> None:
    assert says(text) is None


def test_who_wants_the_ai_asked_all_the_same_says_so() -> None:
    assert says("Do you sell pianos?", answer="ask_anyway") is None
    assert says("Do you sell pianos?", answer_sites={"shop": "ask_anyway"}) is None
    assert says("Do you sell pianos?", answer_sites={"other": "ask_anyway"}) is not None
    assert says("Do you sell pianos?", sentence="No idea.") == "No idea."
    assert says("Do you sell pianos?", knowledge=0) is None, "without any knowledge nothing was decided"
