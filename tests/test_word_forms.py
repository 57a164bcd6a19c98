"""Words without marks and endings: one module knows the stemmer, and those who compare words agree on what it says."""

from __future__ import annotations

import ast
import threading
from pathlib import Path

import pytest

from bot import subjects, word_forms
from bot.language_names import base
from plugins.auto_reply import words as of_rules
from plugins.grounding import words as of_claims
from plugins.knowledge import words as of_articles
from plugins.providers.offline import words as of_quotes

ROOT = Path(word_forms.__file__).parent.parent
WORDS = {
    "en": ["returning", "deliveries", "refunded"],
    "de": ["rücksendungen", "größen", "zahlungen"],
    "fr": ["livraisons", "remboursée", "abonnements"],
    "es": ["devoluciones", "envíos", "pagados"],
}


def test_marks_go_where_they_make_no_other_letter() -> None:
    assert [word_forms.fold(word) for word in ("größe", "ærø", "ёлка", "łódź", "naïve", "plain")] == [
        "grosse", "aero", "елка", "lodz", "naive", "plain",
    ]  # fmt: skip
    assert [word_forms.fold(word) for word in ("ガ", "ที่", "किताबें")] == ["ガ", "ที่", "किताबें"]


def test_a_language_without_a_stemmer_keeps_its_endings() -> None:
    assert word_forms.stem("returning", "en") == "return" and word_forms.stem("returning", "pl") == "returning"
    assert base(" pt_BR ") == "pt" and base("DE") == "de"


@pytest.mark.parametrize("language", list(WORDS))
def test_all_who_compare_words_take_off_the_same_endings(language: str) -> None:
    for word in WORDS[language]:
        stem = word_forms.fold(word_forms.stem(word, language))
        assert stem != word_forms.fold(word)
        assert (
            of_articles.stem(word, language) == of_rules.stem(word, language) == of_quotes.stem(word, language) == stem
        )
        assert of_claims._plain_stem(word, language) == stem
        assert list(subjects.stems(word, language)) == [word_forms.stem(word, language)]


def test_many_threads_stem_at_once() -> None:
    """The stemmer keeps the word in itself: one that two threads had at the same time would mix their words."""
    wanted = {(word, language): word_forms.stem(word, language) for language, words in WORDS.items() for word in words}
    wrong: list[tuple[str, str]] = []
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        for _ in range(40):
            wrong.extend(one for one, stem in wanted.items() if word_forms.stem(*one) != stem)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nobody_else_makes_stemmers() -> None:
    found = set()
    for house in ("bot", "channels", "plugins", "web_widget", "workers"):
        for path in (ROOT / house).rglob("*.py"):
            source = path.read_text("utf-8")
            if "snowballstemmer" not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                found.update(path.relative_to(ROOT).as_posix() for name in names if name.startswith("snowball"))
    assert found == {"bot/word_forms.py"}
