"""What happens when the knowledge base has nothing to answer from: it is said, and a person is offered or takes over.

A question to which no article has an answer reaches no AI: a model would be paid for making something up. Small talk does.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from bot import (
    Answer,
    Escalation,
    PluginInfo,
    Reason,
    Settings,
    TurnContext,
    hookimpl,
    language_of,
    setting,
    small_talk,
)

PLUGIN = PluginInfo(
    title="Escalation: no answer", summary="A question without an answer in the knowledge base offers or brings a person.", on=True
)  # fmt: skip
MAX_CHOICES = 5
Way = Literal["offer", "pass_on", "nothing"]
Say = Literal["say_so", "ask_anyway"]
_PARTS = re.compile(r"[,.;:!…。、！\n]+|\s(?:and|but|und|aber|et|mais|y|pero|e)\s", re.IGNORECASE)
_MARK = re.compile(r"[?？؟]|か[。!！]?\s*$")
_ASKING = re.compile(
    r"(?:how|what|where|when|why|who|whom|whose|which|can|could|do|does|did|is|are|was|were|will|would|should|may|have you|has|am i"
    r"|tell me|show me|explain|give me|find|help me|i(?:'d| would) like to|i (?:want|need)(?: to)?|(?:i am|i'm) looking for|looking for"
    r"|wie|was|wo|woher|wohin|wann|warum|weshalb|wieso|wer|wem|wen|wessen|welche[rsmn]?|kann|können|könnte[nt]?"
    r"|gibt|ist|sind|haben sie|habt ihr|darf|muss|soll|wird|werden|sag(?:en sie)? mir|zeig(?:en sie)? mir|erklär\w*"
    r"|ich (?:suche|möchte|brauche|will|hätte gern)"
    r"|comment|que|quoi|qu'|quel(?:le)?s?|où|quand|pourquoi|qui|combien|est-ce|peut-on|puis-je|pouvez|avez|y a-t-il|dites-moi|expliquez"
    r"|je (?:cherche|voudrais|veux|souhaite)|j'ai besoin"
    r"|cómo|como|qué|dónde|donde|cuándo|cuando|por qué|quién|cuál|cuáles|cuánto\w*|puedo|pueden?|hay|tienen?|es|son|dígame|explique"
    r"|(?:yo )?(?:busco|quiero|quisiera|necesito)|estou|quero|preciso|posso|quanto|onde|quando|qual)\b"
    r"|(?:hal|هل|ما|كيف|أين|متى|لماذا|كم|من)\s",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
# Words of talk about the assistant and about what it just said. No article answers "Are you a bot?" or "Can you say that in English?".
_OF_US = frozenset(
    """
    a about again ai all am an and any anybody anyone are around assistant back be bot bye can chatbot come could d did didn do does
    doesn doing don else english everything explain feeling fine french from german getting go going good great happen
    happening have hello help here hey hi how human humans i in is isn it italian joking just kidding know language languages ll m
    machine make made me mean meant mind more morning my name need no not now of oh ok okay on one or other person please portuguese
    question questions real really repeat robot s said say see serious should simpler so somebody someone sorry spanish speak still
    supposed sure t talk talking tell thank thanks that the them then there they think this to today understand up us ve was we what
    who whom why with words would wrong yes you your
    aber alles also an assistent auf bin bist bitte bot da danke dann das dein deine den denn der deutsch die dir dich du echt echter
    einem ein eine einen englisch er erklären erklär es etwas fragen französisch geht genau gerade gut guten hallo heißen heißt helfen
    hier hilf hilfe hilfst ich ihnen ihr ihre ihren im in ist ja jemand jetzt kann kannst ki kommen könnt könnte könnten können
    mal maschine meinen meinst mein mensch menschen mich mir mit morgen nein nicht noch nochmal nochmals oder richtiger roboter
    sag sagen sagst schon sein sicher sie sind sowas spanisch sprechen sprichst tag tun und verstehe verstehen versteht wahr war warum
    was wer wie wiederholen wieso wirklich wir wo zu
    aider aide aidez allez anglais assistant avec aussi bien bonjour c ce cela comment comprends d de dire dites du en encore es est
    et êtes être expliquer ça français humain humaine il là j je l langue le la les machine merci moi n ne non nom nous on ou oui parlez
    parler parle pas personne plus pourquoi pouvez pourriez qu que quelqu quelle quelles qui quoi redire répéter robot s suis sûr t te
    toi tu un une va vas veut voulez vous votre vraie vraiment y
    alguien ahí ayuda ayudar ayudarme ayúdame aquí así bien bot buenas buenos cómo con crees cual cuál de días decir dices dijo el él
    ella en entiendo eres es eso español esta está estás están estar explicar favor francés gracias habla hablas hablo hola humano
    humana idioma inglés la llama llamas lo los máquina más me mi mismo muy necesito no nombre o otra para persona por porque puede
    puedes pueden qué que quién quien quiere quieres repetir robot se seguro ser si sí son su te tu tú tus un una usted vez verdad y yo
    ajuda ajudar falar fala inglês isso não obrigado olá pode português quem repetir sim tem você
    """.split()  # noqa: SIM905
)
_OF_US_ELSEWHERE = re.compile(
    r"ロボット|ボットですか|人間ですか|aiですか|元気ですか|どういう意味|もう一度|هل أنت (?:روبوت|إنسان|بوت|آلة)|كيف حالك|ماذا تقصد"
    r"|هل تتحدث|هل يمكنك مساعدتي",
    re.IGNORECASE,
)
NOT_FOUND = {
    "en": "I did not find an answer to this in the help articles. Would you like to talk to a person?",
    "de": "Dazu habe ich in den Hilfeartikeln keine Antwort gefunden. Möchten Sie mit einem Menschen sprechen?",
    "fr": "Je n'ai pas trouvé de réponse à ce sujet dans les articles d'aide. Souhaitez-vous parler à une personne ?",
    "es": "No he encontrado una respuesta a esto en los artículos de ayuda. ¿Quiere hablar con una persona?",
    "pt": "Não encontrei uma resposta a isto nos artigos de ajuda. Quer falar com uma pessoa?",
    "ar": "لم أجد إجابة عن هذا في مقالات المساعدة. هل تريد التحدث إلى شخص؟",
    "ja": "ヘルプ記事の中に回答が見つかりませんでした。担当者とお話しになりますか？",
}


class NoAnswerSettings(Settings):
    """For all sites, and for single ones."""

    way: Way = setting(
        "offer",
        label="What happens",
        help="offer: a button that brings a person. pass_on: it is passed on by itself, while somebody could come; else offered. nothing.",
    )
    sites: dict[str, Way] = setting(
        {}, label="Sites", help='Sites with a way of their own, by key, as JSON: {"shop": "pass_on"}.'
    )
    answer: Say = setting(
        "say_so",
        label="The answer",
        help="say_so: an honest sentence, and no AI is asked. ask_anyway: the AI is asked all the same, and told that nothing was found.",
    )
    answer_sites: dict[str, Say] = setting(
        {},
        label="Answers of sites",
        help='Sites with an answer of their own kind, by key, as JSON: {"shop": "ask_anyway"}.',
    )
    sentence: str = setting(
        "", max_length=500, label="Sentence", help="What is said. Empty: ours, in the customer's language."
    )
    threshold: float = setting(
        0.5, ge=0, le=1, label="Confidence", help="An answer of which the AI is surer (a greeting, say) is one."
    )
    words: str = setting("Talk to a person", min_length=1, max_length=80, label="Words", help="On the button.")


@hookimpl
def settings_schema() -> type[Settings]:
    return NoAnswerSettings


@hookimpl
def no_answer(settings: NoAnswerSettings, turn: TurnContext) -> Answer | None:
    says_so = settings.answer_sites.get(turn.site_key, settings.answer) == "say_so"
    if not says_so or not turn.knowledge or not asks(turn.question):
        return None
    text = settings.sentence or NOT_FOUND[language_of(turn.question, turn.language)]
    return Answer(text=text, type="auto", confidence=0.0)


@hookimpl
def after_ai(settings: NoAnswerSettings, answer: Answer, turn: TurnContext) -> Answer | None:
    if (
        way(settings, turn) == "nothing"
        or not nothing_found(settings, answer, turn)
        or settings.words in answer.choices
    ):
        return None
    return replace(answer, choices=(*answer.choices[: MAX_CHOICES - 1], settings.words))


@hookimpl
def escalate(settings: NoAnswerSettings, turn: TurnContext, answer: Answer | None) -> Escalation | None:
    if answer is None or way(settings, turn) != "pass_on" or not turn.reachable:
        return None
    return Escalation(reason=Reason.NOTHING_FOUND) if nothing_found(settings, answer, turn) else None


def asks(text: str) -> bool:
    """Whether ``text`` wants to know something that an article could tell. Small talk does not, nor what is only told ("My parcel came
    today") or asked of the assistant and its last words: "Are you a bot?", "What do you mean?"."""
    parts = [part for part in _PARTS.split(text) if part.strip()]
    if all(small_talk(part) for part in parts) or _is_of_us(text):
        return False
    return bool(_MARK.search(text)) or any(_ASKING.match(part.strip()) for part in parts)


def _is_of_us(text: str) -> bool:
    words = _WORD.findall(text.casefold())
    plain = all(word in _OF_US for word in words) and not any(map(str.isdigit, text))
    return plain or bool(_OF_US_ELSEWHERE.search(text))


def way(settings: NoAnswerSettings, turn: TurnContext) -> Way:
    return settings.sites.get(turn.site_key, settings.way)


def nothing_found(settings: NoAnswerSettings, answer: Answer, turn: TurnContext) -> bool:
    """Nothing in the knowledge base, and nothing that the AI could say with certainty without it."""
    sure = answer.confidence is not None and answer.confidence >= settings.threshold
    return not turn.answerable and not sure and not answer.handoff_reason
