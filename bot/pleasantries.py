"""Small talk, and the language of a message, in seven languages: known without a model and without a call. No I/O."""

from __future__ import annotations

import re
from typing import Literal

Talk = Literal["hello", "thanks", "bye", "person"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ASKS: dict[str, dict[Talk, str]] = {
    "en": {
        "hello": r"(hi|hello|hey|good (morning|afternoon|evening|day)|greetings)( there| everyone| all)?",
        "thanks": r"(many |ok |okay |great |perfect )?(thanks|thank you|thx|cheers)( so much| very much| a lot)?",
        "bye": r"(good ?bye|bye( bye)?|see you|have a (nice|good) day)",
        "person": r"(talk|speak|chat|connect me|get me|put me through) (to|with) (a|an|some|the)? ?(real |live )?"
        r"(person|human|agent|somebody|someone|people|representative|operator)|^(human|agent|real person)( please)?$",
    },
    "de": {
        "hello": r"(hallo|hi|hey|guten (morgen|tag|abend)|moin|servus|grüß gott|grüezi)( zusammen)?",
        "thanks": r"(vielen |herzlichen |besten |ok |super )?(dank|danke|dankeschön)( schön| sehr| dir| ihnen)?",
        "bye": r"(auf wiedersehen|tschüss?|bis bald|schönen tag( noch)?)",
        "person": r"(mit|zu) (einem|einer|jemandem|dem) ?(echten |richtigen )?(menschen?|person|mitarbeiter(in)?|berater(in)?)?"
        r".{0,12}(sprechen|reden|verbinden|chatten)|^(mensch|mitarbeiter)( bitte)?$",
    },
    "fr": {
        "hello": r"(bonjour|bonsoir|salut|coucou)( à tous)?",
        "thanks": r"(ok |super |parfait )?merci( beaucoup| bien| à vous)?",
        "bye": r"(au revoir|bonne journée|à bientôt|bye)",
        "person": r"(parler|discuter|échanger) (à|avec) (une?|quelqu'un|des?) ?(vraie? )?"
        r"(personne|humain|conseill(er|ère)|agent)?|^(un )?(humain|conseiller)( s'il vous plaît)?$",
    },
    "es": {
        "hello": r"(hola|buen(os|as)? (días?|tardes|noches)|buenas)( a todos)?",
        "thanks": r"(muchas |mil |ok |perfecto )?gracias( por todo| de nuevo)?",
        "bye": r"(adiós|hasta (luego|pronto|mañana)|chao|que tenga un buen día)",
        "person": r"(hablar|chatear|comunicar(me)?) con (una?|alguien|un) ?"
        r"(persona( real)?|humano|agente|asesor)?|^(humano|agente|persona)( por favor)?$",
    },
    "pt": {
        "hello": r"(olá|oi|bom dia|boa (tarde|noite))( a todos)?",
        "thanks": r"(muito |ok |perfeito )?(obrigad[oa]|valeu)( mesmo)?",
        "bye": r"(tchau|adeus|até (logo|breve|amanhã)|tenha um bom dia)",
        "person": r"(falar|conversar) com (uma?|alguém|um) ?(pessoa( real)?|humano|atendente|agente)?"
        r"|^(humano|atendente|pessoa)( por favor)?$",
    },
    "ar": {
        "hello": r"(مرحب[اًا]*|أهل[اًا]*( وسهل[اًا]*)?|السلام عليكم|صباح الخير|مساء الخير)",
        "thanks": r"(شكر[اًا]*( جزيل[اًا]*| لك| لكم)?|أشكرك)",
        "bye": r"(مع السلامة|إلى اللقاء|وداع[اًا]*)",
        "person": r"(التحدث|أتحدث|اتحدث|التكلم|أتكلم) (إلى|مع|الى) ?(شخص|موظف|إنسان|أحد)",
    },
    "ja": {
        "hello": r"(こんにちは|こんにちわ|こんばんは|おはよう(ございます)?|はじめまして|もしもし)",
        "thanks": r"(どうも)?(ありがとう(ございます|ございました)?|感謝します|助かりました)",
        "bye": r"(さようなら|失礼します|バイバイ)",
        "person": r"(担当者|人間|オペレーター|スタッフ|有人).{0,6}(話|繋|つな|代わ|かわ|対応|チャット)",
    },
}
"""Whole messages, as regular expressions; for ``person`` a part of the message is enough."""
FREQUENT: dict[str, frozenset[str]] = {
    "en": _words(
        "the and is are was you your my for with have has can do does how what where when why which not this "
        "that from to of in on it i me will would should if a an be been am there"
    ),
    "de": _words(
        "der die das und ist sind war sie ihr mein meine für mit haben hat kann kannst wie was wo wann warum "
        "welche nicht dieses ich wir es ein eine einen den dem des zu von im auf wird werden wenn bin gibt "
        "noch"
    ),
    "fr": _words(
        "le la les et est sont vous votre mon ma mes pour avec avez ai peut comment que quoi où quand "
        "pourquoi quel quelle ne pas ce cette je nous il un une des du de au aux en sur sera si suis"
    ),
    "es": _words(
        "el la los las y es son usted su mi mis para con tiene tengo puedo puede cómo qué dónde cuándo por "
        "porqué cuál no este esta yo nosotros un una unos de del al en sobre será si lo se hay"
    ),
    "pt": _words(
        "o a os as e é são você seu sua meu minha para com tem tenho posso pode como que onde quando por "
        "porque qual não este esta eu nós um uma de do da dos das ao em no na sobre será se há isso"
    ),
}
"""Words that tell a language."""

_ARABIC = re.compile("[\u0600-\u06ff]")
_JAPANESE = re.compile("[\u3040-\u30ff]")
_WORD = re.compile(r"[^\W\d_]+")
_EDGES = " \t\n.!?,;:…¡¿。！？、،؟~☺😊🙂👍🙏❤️"


def language_of(text: str, told: str) -> str:
    """The language of ``text`` among ours, by its letters and its frequent words; in doubt what we were ``told``, else English."""
    if _JAPANESE.search(text):
        return "ja"
    if _ARABIC.search(text):
        return "ar"
    base = told.replace("_", "-").partition("-")[0].lower()
    words = [w.lower() for w in _WORD.findall(text)]
    counts = {code: sum(w in FREQUENT.get(code, ()) for w in words) for code in ASKS}
    best = max(counts, key=lambda code: (counts[code], code == base, code == "en"))
    if counts[best] >= 2 and counts[best] > counts.get(base, 0):
        return best
    if base in ASKS:
        return base
    return best if counts[best] else "en"


def small_talk(text: str) -> tuple[Talk, str] | None:
    """What kind of small talk the whole of ``text`` is, and in which language; a wish for a person may be a part of it."""
    plain = re.sub(r"\s+", " ", text.strip(_EDGES).lower().replace("’", "'"))
    if not plain or len(plain) > 200:
        return None
    for code, patterns in ASKS.items():
        for talk, pattern in patterns.items():
            found = re.search(pattern, plain) if talk == "person" else re.fullmatch(pattern, plain)
            if found:
                return talk, code
    return None
