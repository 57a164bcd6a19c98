"""What the offline assistant says itself, in seven languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One language. ``person`` is a quick reply."""

    quoting: str
    not_found: str
    hello: str
    thanks: str
    bye: str
    passing_on: str
    person: str


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
    ),
    "pt": Phrases(
        quoting="Sou o assistente offline. Os artigos de ajuda dizem o seguinte:",
        not_found="Sou o assistente offline e não encontrei isto nos artigos de ajuda. Quer falar com uma pessoa?",
        hello="Olá! Sou o assistente offline. Pergunte-me algo e eu procuro nos artigos de ajuda.",
        thanks="De nada! Posso ajudar em mais alguma coisa?",
        bye="Até logo e obrigado pela mensagem!",
        passing_on="Vou passar isto a uma pessoa.",
        person="Falar com uma pessoa",
    ),
    "ar": Phrases(
        quoting="أنا المساعد الذي يعمل دون اتصال. هذا ما تقوله مقالات المساعدة:",
        not_found="أنا المساعد الذي يعمل دون اتصال، ولم أجد هذا في مقالات المساعدة. هل تريد التحدث إلى شخص؟",
        hello="مرحبًا! أنا المساعد الذي يعمل دون اتصال. اسألني وسأبحث في مقالات المساعدة.",
        thanks="على الرحب والسعة! هل هناك شيء آخر؟",
        bye="مع السلامة، وشكرًا لرسالتك!",
        passing_on="سأحيل طلبك إلى شخص.",
        person="التحدث إلى شخص",
    ),
    "ja": Phrases(
        quoting="オフラインアシスタントです。ヘルプ記事には次のように書かれています。",
        not_found="オフラインアシスタントです。ヘルプ記事の中には見つかりませんでした。担当者とお話しになりますか？",
        hello="こんにちは。オフラインアシスタントです。ご質問をいただければ、ヘルプ記事をお調べします。",
        thanks="どういたしまして。ほかにご質問はありますか？",
        bye="ありがとうございました。失礼いたします。",
        passing_on="担当者にお繋ぎします。",
        person="担当者と話す",
    ),
}
