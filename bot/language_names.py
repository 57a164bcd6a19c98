"""Languages that a draft can be translated into, by their codes. No I/O."""

from __future__ import annotations

NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "pl": "Polish", "cs": "Czech", "sk": "Slovak", "sl": "Slovenian", "hr": "Croatian", "sr": "Serbian", "bs": "Bosnian",
    "hu": "Hungarian", "ro": "Romanian", "bg": "Bulgarian", "el": "Greek", "da": "Danish", "sv": "Swedish", "nb": "Norwegian",
    "fi": "Finnish", "et": "Estonian", "lv": "Latvian", "lt": "Lithuanian", "uk": "Ukrainian", "ru": "Russian", "tr": "Turkish",
    "ar": "Arabic", "he": "Hebrew", "fa": "Persian", "hi": "Hindi", "ja": "Japanese", "ko": "Korean", "zh": "Chinese",
    "vi": "Vietnamese", "th": "Thai", "id": "Indonesian",
}  # fmt: skip


def named(code: str) -> str:
    """The English name of a language such as ``de`` or ``de-AT``; of an unknown one its code."""
    return NAMES.get(base(code), code)


def base(code: str) -> str:
    """Return the language alone: ``de`` of ``de-AT`` and ``DE_at``."""
    return code.strip().replace("_", "-").partition("-")[0].lower()
