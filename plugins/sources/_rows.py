"""Questions and answers from CSV and XLSX: the header is found in many spellings, every row that cannot be used is named by its number."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bot import Columns, TableRow, TableUnreadable, read_tables, table_place

from ._reader import Unreadable

MAX_ROWS = 20_000
MAX_CELL = 20_000
_SPELLINGS = {
    "question": "question questions q query title subject frage fragen titel pregunta preguntas domanda vraag pergunta 質問 问题 問題 질문",
    "answer": "answer answers a reply response text body content solution antwort antworten lösung respuesta respuestas réponse reponse "
    "risposta antwoord resposta 回答 答え 答案 답변",
    "language": "language lang locale sprache idioma langue lingua taal 言語 语言",
    "url": "url link address page source adresse seite",
    "topic": "topic category section group kategorie thema bereich categoría catégorie tema カテゴリ 分类",
    "updated": "updated date changed modified lastupdated lastmodified updatedat datum stand geändert fecha",
    "sites": "site sites",
}
_COLUMNS = Columns(_SPELLINGS, frozenset({"question", "answer"}))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def read_rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield articles, and rows that were left out as ``{"row": "row 12", "problem": …}``. Raises :class:`Unreadable`."""
    try:
        yield from _Questions().read(read_tables(path, name, _COLUMNS))
    except TableUnreadable as error:
        raise Unreadable(str(error)) from None


class _Questions:
    """What was read of one file so far."""

    def __init__(self) -> None:
        self.rows = 0
        self.seen: dict[tuple[str, str], str] = {}

    def read(self, tables: Iterable[tuple[str, Iterator[TableRow]]]) -> Iterator[dict[str, Any]]:
        without: list[str] = []
        used = False
        for sheet, rows in tables:
            columns, shown = _COLUMNS.find(rows)
            if not columns:
                without += [shown] if shown or not sheet else []
                if sheet and shown:
                    yield {"row": f"sheet {sheet}", "problem": "it has no columns for question and answer"}
                continue
            used = True
            for row in rows:
                if self.rows >= MAX_ROWS:
                    more = f"it has more than {MAX_ROWS:,} rows; those behind it were left out, too. Split the file"
                    yield {"row": table_place(sheet, row[0]), "problem": more}
                    return
                yield from self._row(sheet, row, columns)
        if not used:
            shown = "; ".join(text for text in without if text)
            told = f" Its first row is: {shown[:150]}." if shown else " It is empty."
            raise Unreadable(
                f"no columns for question and answer were found. Call them question and answer.{told}".rstrip(".")
            )

    def _row(self, sheet: str, row: TableRow, columns: dict[str, int]) -> Iterator[dict[str, Any]]:
        number, cells, problem = row
        got = {meaning: cells[at].strip() if at < len(cells) else "" for meaning, at in columns.items()}
        if not any(cell.strip() for cell in cells) and not problem:
            return
        self.rows += 1
        where = table_place(sheet, number)
        question, answer = got["question"], got["answer"]
        problem = problem or _problem(question, answer, got)
        language = got.get("language", "").replace("_", "-")
        key = (" ".join(question.casefold().split()), language.lower())
        if not problem and key in self.seen:
            problem = f"its question stands in {self.seen[key]} already"
        if problem:
            yield {"row": where, "problem": problem}
            return
        self.seen[key] = where
        date = _DATE.match(got.get("updated", ""))
        yield {
            "name": hashlib.sha256("\x1f".join(key).encode("utf-8", "replace")).hexdigest()[:16],
            "title": " ".join(question.split()),
            "body": f"## {got['topic']}\n\n{answer}" if got.get("topic") else answer,
            "language": language,
            "url": got.get("url", ""),
            "updated": date[0] if date else "",
            "sites": [site.strip() for site in got.get("sites", "").split(",") if site.strip()],
        }


def _problem(question: str, answer: str, got: dict[str, str]) -> str:
    if not question:
        return "it has no question (cells that were merged keep only their first)"
    if not answer:
        return "it has no answer (cells that were merged keep only their first)"
    if len(question) > 1_000 or len(answer) > MAX_CELL:
        return f"it is too long: a question may have 1,000 characters, an answer {MAX_CELL:,}"
    if got.get("url") and not got["url"].startswith(("https://", "http://")):
        return "its address does not begin with https:// or http://"
    if got.get("language") and not _LANGUAGE.fullmatch(got["language"]):
        return "its language is not a tag such as en or pt-BR"
    return ""
