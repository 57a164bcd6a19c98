"""What the offline assistant says itself, in seven languages, and the small talk that it understands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Talk = Literal["hello", "thanks", "bye", "person"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language. ``person`` is a quick reply; ``words`` are frequent words that tell the language."""

    quoting: str
    not_found: str
    hello: str
    thanks: str
    bye: str
    passing_on: str
    person: str
    asks: dict[Talk, str]
    """Whole messages, as regular expressions; for ``person`` a part of the message is enough."""
    words: frozenset[str] = frozenset()


LANGUAGES: dict[str, Phrases] = {
    "en": Phrases(
        quoting="I am the offline assistant. This is what the help articles say:",
        not_found="I am the offline assistant, and I did not find this in the help articles. "
        "Would you like to talk to a person?",
        hello="Hello! I am the offline assistant. Ask me something, and I will look it up in the help articles.",
        thanks="You are welcome! Is there anything else?",
        bye="Goodbye, and thank you for writing!",
        passing_on="I am passing this to a person.",
        person="Talk to a person",
        asks={
            "hello": r"(hi|hello|hey|good (morning|afternoon|evening|day)|greetings)( there| everyone| all)?",
            "thanks": r"(many |ok |okay |great |perfect )?(thanks|thank you|thx|cheers)( so much| very much| a lot)?",
            "bye": r"(good ?bye|bye( bye)?|see you|have a (nice|good) day)",
            "person": r"(talk|speak|chat|connect me|get me|put me through) (to|with) (a|an|some|the)? ?(real |live )?"
            r"(person|human|agent|somebody|someone|people|representative|operator)|^(human|agent|real person)( please)?$",
        },
        words=_words(
            "the and is are was you your my for with have has can do does how what where when why which not this "
            "that from to of in on it i me will would should if a an be been am there"
        ),
    ),
    "de": Phrases(
        quoting="Ich bin der Offline-Assistent. In den Hilfeartikeln steht dazu:",
        not_found="Ich bin der Offline-Assistent und habe dazu in den Hilfeartikeln nichts gefunden. "
        "Möchten Sie mit einem Menschen sprechen?",
        hello="Hallo! Ich bin der Offline-Assistent. Fragen Sie mich etwas, ich sehe in den Hilfeartikeln nach.",
        thanks="Gern geschehen! Kann ich noch etwas für Sie tun?",
        bye="Auf Wiedersehen und danke für Ihre Nachricht!",
        passing_on="Ich gebe das an einen Menschen weiter.",
        person="Mit einem Menschen sprechen",
        asks={
            "hello": r"(hallo|hi|hey|guten (morgen|tag|abend)|moin|servus|grüß gott|grüezi)( zusammen)?",
            "thanks": r"(vielen |herzlichen |besten |ok |super )?(dank|danke|dankeschön)( schön| sehr| dir| ihnen)?",
            "bye": r"(auf wiedersehen|tschüss?|bis bald|schönen tag( noch)?)",
            "person": r"(mit|zu) (einem|einer|jemandem|dem) ?(echten |richtigen )?(menschen?|person|mitarbeiter(in)?|berater(in)?)?"
            r".{0,12}(sprechen|reden|verbinden|chatten)|^(mensch|mitarbeiter)( bitte)?$",
        },
        words=_words(
            "der die das und ist sind war sie ihr mein meine für mit haben hat kann kannst wie was wo wann warum "
            "welche nicht dieses ich wir es ein eine einen den dem des zu von im auf wird werden wenn bin gibt "
            "noch"
        ),
    ),
    "fr": Phrases(
        quoting="Je suis l'assistant hors ligne. Voici ce que disent les articles d'aide :",
        not_found="Je suis l'assistant hors ligne et je n'ai rien trouvé à ce sujet dans les articles d'aide. "
        "Souhaitez-vous parler à une personne ?",
        hello="Bonjour ! Je suis l'assistant hors ligne. Posez-moi une question, je la chercherai dans les articles d'aide.",
        thanks="Avec plaisir ! Puis-je vous aider pour autre chose ?",
        bye="Au revoir, et merci de votre message !",
        passing_on="Je transmets votre demande à une personne.",
        person="Parler à une personne",
        asks={
            "hello": r"(bonjour|bonsoir|salut|coucou)( à tous)?",
            "thanks": r"(ok |super |parfait )?merci( beaucoup| bien| à vous)?",
            "bye": r"(au revoir|bonne journée|à bientôt|bye)",
            "person": r"(parler|discuter|échanger) (à|avec) (une?|quelqu'un|des?) ?(vraie? )?"
            r"(personne|humain|conseill(er|ère)|agent)?|^(un )?(humain|conseiller)( s'il vous plaît)?$",
        },
        words=_words(
            "le la les et est sont vous votre mon ma mes pour avec avez ai peut comment que quoi où quand "
            "pourquoi quel quelle ne pas ce cette je nous il un une des du de au aux en sur sera si suis"
        ),
    ),
    "es": Phrases(
        quoting="Soy el asistente sin conexión. Esto dicen los artículos de ayuda:",
        not_found="Soy el asistente sin conexión y no he encontrado esto en los artículos de ayuda. "
        "¿Quiere hablar con una persona?",
        hello="¡Hola! Soy el asistente sin conexión. Pregúnteme algo y lo buscaré en los artículos de ayuda.",
        thanks="¡De nada! ¿Puedo ayudarle en algo más?",
        bye="¡Hasta luego y gracias por escribir!",
        passing_on="Paso su consulta a una persona.",
        person="Hablar con una persona",
        asks={
            "hello": r"(hola|buen(os|as)? (días?|tardes|noches)|buenas)( a todos)?",
            "thanks": r"(muchas |mil |ok |perfecto )?gracias( por todo| de nuevo)?",
            "bye": r"(adiós|hasta (luego|pronto|mañana)|chao|que tenga un buen día)",
            "person": r"(hablar|chatear|comunicar(me)?) con (una?|alguien|un) ?"
            r"(persona( real)?|humano|agente|asesor)?|^(humano|agente|persona)( por favor)?$",
        },
        words=_words(
            "el la los las y es son usted su mi mis para con tiene tengo puedo puede cómo qué dónde cuándo por "
            "porqué cuál no este esta yo nosotros un una unos de del al en sobre será si lo se hay"
        ),
    ),
    "pt": Phrases(
        quoting="Sou o assistente offline. Os artigos de ajuda dizem o seguinte:",
        not_found="Sou o assistente offline e não encontrei isto nos artigos de ajuda. Quer falar com uma pessoa?",
        hello="Olá! Sou o assistente offline. Pergunte-me algo e eu procuro nos artigos de ajuda.",
        thanks="De nada! Posso ajudar em mais alguma coisa?",
        bye="Até logo e obrigado pela mensagem!",
        passing_on="Vou passar isto a uma pessoa.",
        person="Falar com uma pessoa",
        asks={
            "hello": r"(olá|oi|bom dia|boa (tarde|noite))( a todos)?",
            "thanks": r"(muito |ok |perfeito )?(obrigad[oa]|valeu)( mesmo)?",
            "bye": r"(tchau|adeus|até (logo|breve|amanhã)|tenha um bom dia)",
            "person": r"(falar|conversar) com (uma?|alguém|um) ?(pessoa( real)?|humano|atendente|agente)?"
            r"|^(humano|atendente|pessoa)( por favor)?$",
        },
        words=_words(
            "o a os as e é são você seu sua meu minha para com tem tenho posso pode como que onde quando por "
            "porque qual não este esta eu nós um uma de do da dos das ao em no na sobre será se há isso"
        ),
    ),
    "ar": Phrases(
        quoting="أنا المساعد الذي يعمل دون اتصال. هذا ما تقوله مقالات المساعدة:",
        not_found="أنا المساعد الذي يعمل دون اتصال، ولم أجد هذا في مقالات المساعدة. هل تريد التحدث إلى شخص؟",
        hello="مرحبًا! أنا المساعد الذي يعمل دون اتصال. اسألني وسأبحث في مقالات المساعدة.",
        thanks="على الرحب والسعة! هل هناك شيء آخر؟",
        bye="مع السلامة، وشكرًا لرسالتك!",
        passing_on="سأحيل طلبك إلى شخص.",
        person="التحدث إلى شخص",
        asks={
            "hello": r"(مرحب[اًا]*|أهل[اًا]*( وسهل[اًا]*)?|السلام عليكم|صباح الخير|مساء الخير)",
            "thanks": r"(شكر[اًا]*( جزيل[اًا]*| لك| لكم)?|أشكرك)",
            "bye": r"(مع السلامة|إلى اللقاء|وداع[اًا]*)",
            "person": r"(التحدث|أتحدث|اتحدث|التكلم|أتكلم) (إلى|مع|الى) ?(شخص|موظف|إنسان|أحد)",
        },
    ),
    "ja": Phrases(
        quoting="オフラインアシスタントです。ヘルプ記事には次のように書かれています。",
        not_found="オフラインアシスタントです。ヘルプ記事の中には見つかりませんでした。担当者とお話しになりますか？",
        hello="こんにちは。オフラインアシスタントです。ご質問をいただければ、ヘルプ記事をお調べします。",
        thanks="どういたしまして。ほかにご質問はありますか？",
        bye="ありがとうございました。失礼いたします。",
        passing_on="担当者にお繋ぎします。",
        person="担当者と話す",
        asks={
            "hello": r"(こんにちは|こんにちわ|こんばんは|おはよう(ございます)?|はじめまして|もしもし)",
            "thanks": r"(どうも)?(ありがとう(ございます|ございました)?|感謝します|助かりました)",
            "bye": r"(さようなら|失礼します|バイバイ)",
            "person": r"(担当者|人間|オペレーター|スタッフ|有人).{0,6}(話|繋|つな|代わ|かわ|対応|チャット)",
        },
    ),
}

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
    counts = {code: sum(w in phrases.words for w in words) for code, phrases in LANGUAGES.items()}
    best = max(counts, key=lambda code: (counts[code], code == base, code == "en"))
    if counts[best] >= 2 and counts[best] > counts.get(base, 0):
        return best
    if base in LANGUAGES:
        return base
    return best if counts[best] else "en"


def small_talk(text: str) -> tuple[Talk, str] | None:
    """What kind of small talk the whole of ``text`` is, and in which language; a wish for a person may be a part of it."""
    plain = re.sub(r"\s+", " ", text.strip(_EDGES).lower().replace("’", "'"))
    if not plain or len(plain) > 200:
        return None
    for code, phrases in LANGUAGES.items():
        for talk, pattern in phrases.asks.items():
            found = re.search(pattern, plain) if talk == "person" else re.fullmatch(pattern, plain)
            if found:
                return talk, code
    return None
