"""What is told to a visitor when something is refused, in the visitor's language. No I/O.

English sentences say more (which number, which file) and stay for languages that are not here and for codes that only developers
see. A code means the same in all languages; with a field's name before it where one code has several meanings.
"""

from __future__ import annotations

from bot import base_language
from web_widget.frames import FrameError

SAID: dict[str, dict[str, str]] = {
    "de": {
        "too_long": "Die Nachricht ist zu lang. Bitte kürzen oder in Teilen senden.",
        "empty": "Da steht noch nichts. Bitte zuerst etwas schreiben.",
        "key_reused": "Unter dieser Kennung ist schon etwas anderes angekommen. Bitte den Text als neue Nachricht senden.",
        "blocked": "Sie können hier nicht mehr schreiben. Es wurde nichts gespeichert.",
        "not_yours": "Diese Unterhaltung gehört jemand anderem. Bitte eine neue beginnen.",
        "subject not_yours": "Nur eigene Nachrichten lassen sich ändern. Es wurde nichts geändert.",
        "unknown_conversation": "Diese Unterhaltung gibt es nicht (mehr). Bitte eine neue beginnen.",
        "unknown_message": "Diese Nachricht gibt es nicht (mehr), oder sie lässt sich nicht ändern. Es wurde nichts geändert.",
        "text unknown_message": "Dieser Knopf ist zu alt. Bitte schreiben, was Sie möchten.",
        "bad_file": "Eine Datei wurde nicht angenommen: Ihre Art, ihre Größe oder ihr Inhalt ist hier nicht möglich, oder sie ist nicht"
        " mehr da. Bitte eine andere senden oder noch einmal anhängen.",
        "no_room": "Für Dateien ist hier gerade kein Platz. Nachrichten kommen weiter an; bitte die Datei später noch einmal senden.",
        "bad_code": "Dieser Code ist unbekannt, schon benutzt oder zu alt. Lassen Sie sich einen neuen geben.",
        "conv not_here": "Diese Unterhaltung geht inzwischen anderswo weiter. Bitte dort schreiben oder hier eine neue beginnen.",
        "code not_here": "Der Code lässt sich hier nicht einlösen: Die Unterhaltung ist schon hier, oder es läuft hier noch eine Anfrage"
        " an unser Team. Der Code gilt weiter.",
        "text too_many": "Mehr Reaktionen sind an einer Nachricht nicht möglich. Es wurde nichts geändert.",
        "too_many": "Das war zu oft in kurzer Zeit. Bitte später noch einmal versuchen.",
        "email bad_field": "An diese E-Mail-Adresse kann nichts gesendet werden. Bitte eine wie name@example.com eingeben.",
        "rating bad_field": "Diese Bewertung ist nicht möglich: 1 bis 5, sobald die Unterhaltung geschlossen ist.",
        "too_fast": "Das war zu schnell. Bitte {n} s warten und noch einmal versuchen.",
        "busy": "Gerade ist zu viel zu tun. Bitte gleich noch einmal senden.",
        "unavailable": "Das konnte gerade nicht gespeichert werden. Es wird noch einmal versucht.",
    },
}  # fmt: skip
"""By language and code. ``{n}``: seconds to wait."""


def in_language(error: FrameError, language: str) -> FrameError:
    """The refusal as a visitor of ``language`` (such as ``de-AT``; empty: nobody knows) is told it."""
    words = SAID.get(base_language(language), {})
    text = words.get(f"{error.field} {error.code}") or words.get(error.code)
    if text is None:
        return error
    text = text.replace("{n}", str(error.retry_after))
    return FrameError(
        error.code, text, field=error.field, cid=error.cid, final=error.final, retry_after=error.retry_after
    )
