"""What customers are told when something could not be confirmed, in the languages of the offline assistant."""

from __future__ import annotations

LEFT_OUT = {
    "en": "I left out what I could not confirm in our help articles.",
    "de": "Was ich in unseren Hilfeartikeln nicht bestätigen konnte, habe ich weggelassen.",
    "fr": "J'ai laissé de côté ce que je n'ai pas pu confirmer dans nos articles d'aide.",
    "es": "He omitido lo que no he podido confirmar en nuestros artículos de ayuda.",
    "pt": "Deixei de fora o que não consegui confirmar nos nossos artigos de ajuda.",
    "it": "Ho tralasciato ciò che non ho potuto confermare nei nostri articoli di aiuto.",
    "nl": "Wat ik niet kon bevestigen in onze helpartikelen, heb ik weggelaten.",
    "ar": "لم أذكر ما لم أتمكن من تأكيده في مقالات المساعدة.",
    "ja": "ヘルプ記事で確認できなかった内容は省きました。",
}
"""Under an answer of which a part was taken out."""
NOT_CONFIRMED = {
    "en": "I could not confirm my answer in our help articles, and I would rather not guess.",
    "de": "Ich konnte meine Antwort in unseren Hilfeartikeln nicht bestätigen und möchte nicht raten.",
    "fr": "Je n'ai pas pu confirmer ma réponse dans nos articles d'aide, et je préfère ne pas deviner.",
    "es": "No he podido confirmar mi respuesta en nuestros artículos de ayuda y prefiero no adivinar.",
    "pt": "Não consegui confirmar a minha resposta nos nossos artigos de ajuda e prefiro não adivinhar.",
    "it": "Non ho potuto confermare la mia risposta nei nostri articoli di aiuto e preferisco non indovinare.",
    "nl": "Ik kon mijn antwoord niet bevestigen in onze helpartikelen en wil niet gokken.",
    "ar": "لم أتمكن من تأكيد إجابتي في مقالات المساعدة، ولا أريد أن أخمّن.",
    "ja": "ヘルプ記事で回答を確認できませんでした。推測でのお答えは控えます。",
}
"""Instead of an answer of which nothing was left."""


def said(phrases: dict[str, str], language: str) -> str:
    """The words in the customer's language, else in English."""
    return phrases.get(language.replace("_", "-").partition("-")[0].lower(), phrases["en"])
