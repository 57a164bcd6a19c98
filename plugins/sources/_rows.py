"""Questions and answers from CSV and XLSX: the header is found in many spellings, every row that cannot be used is named by its number."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ._reader import Unreadable

MAX_ROWS = 20_000
MAX_CELL = 20_000
HEADER_WITHIN = 10
UNPACKED = 200_000_000
"""Bytes that an XLSX may have when its parts are unpacked."""
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
_MEANING = {spelling: meaning for meaning, words in _SPELLINGS.items() for spelling in words.split()}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")

Row = tuple[int, list[str], str]
"""Number as people see it, cells, and a problem of the row itself."""


def read_rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield articles, and rows that were left out as ``{"row": "row 12", "problem": …}``. Raises :class:`Unreadable`."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK"):
        tables = list(_sheets(path))
    elif start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable("it is encrypted, or a workbook of the old kind: save it as .xlsx without a password")
    elif name.lower().endswith(".xlsx"):
        raise Unreadable("it is not a workbook, whatever its name says")
    else:
        tables = [("", _lines(path))]
    yield from _Questions().read(tables)


class _Questions:
    """What was read of one file so far."""

    def __init__(self) -> None:
        self.rows = 0
        self.seen: dict[tuple[str, str], str] = {}

    def read(self, tables: Iterable[tuple[str, Iterator[Row]]]) -> Iterator[dict[str, Any]]:
        without: list[str] = []
        used = False
        for sheet, rows in tables:
            columns, shown = _header(rows)
            if not columns:
                without += [shown] if shown or not sheet else []
                if sheet and shown:
                    yield {"row": f"sheet {sheet}", "problem": "it has no columns for question and answer"}
                continue
            used = True
            for row in rows:
                if self.rows >= MAX_ROWS:
                    more = f"it has more than {MAX_ROWS:,} rows; those behind it were left out, too. Split the file"
                    yield {"row": _where(sheet, row[0]), "problem": more}
                    return
                yield from self._row(sheet, row, columns)
        if not used:
            shown = "; ".join(text for text in without if text)
            told = f" Its first row is: {shown[:150]}." if shown else " It is empty."
            raise Unreadable(
                f"no columns for question and answer were found. Call them question and answer.{told}".rstrip(".")
            )

    def _row(self, sheet: str, row: Row, columns: dict[str, int]) -> Iterator[dict[str, Any]]:
        number, cells, problem = row
        got = {meaning: cells[at].strip() if at < len(cells) else "" for meaning, at in columns.items()}
        if not any(cell.strip() for cell in cells) and not problem:
            return
        self.rows += 1
        where = _where(sheet, number)
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


def _where(sheet: str, number: int) -> str:
    return f"sheet {sheet}, row {number}" if sheet else f"row {number}"


def _header(rows: Iterator[Row]) -> tuple[dict[str, int], str]:
    """Find the header in the first rows: the columns by meaning, or none and the first row as it is."""
    first = ""
    for _, (_number, cells, _problem) in zip(range(HEADER_WITHIN), rows, strict=False):
        columns: dict[str, int] = {}
        for at, cell in enumerate(cells):
            meaning = _MEANING.get(re.sub(r"[\W_]+", "", cell).casefold())
            if meaning is not None:
                columns.setdefault(meaning, at)
        if {"question", "answer"} <= columns.keys():
            return columns, ""
        first = first or ", ".join(cell.strip() for cell in cells if cell.strip())
    return {}, first


# CSV ----------------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[Row]:
    text = _text(path.read_bytes())
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, [], f"it cannot be read ({error})"
            continue
        yield reader.line_num, cells, "it has NUL characters" if any("\x00" in cell for cell in cells) else ""


def _text(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise Unreadable("its characters are broken: save it as UTF-8") from None
    for half, encoding in ((raw[1:4_000:2], "utf-16-le"), (raw[0:4_000:2], "utf-16-be")):
        if half and half.count(0) * 2 > len(half):
            return raw.decode(encoding, "replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _delimiter(text: str) -> str:
    """The one that gives the header; commas stand in texts, too."""
    start = "\n".join(text.splitlines()[:HEADER_WITHIN])
    for delimiter in (",", ";", "\t", "|"):
        try:
            rows = iter([(0, cells, "") for cells in csv.reader(io.StringIO(start), delimiter=delimiter)])
        except csv.Error:
            continue
        if _header(rows)[0]:
            return delimiter
    return ","


# XLSX ---------------------------------------------------------------------------------------------------------------


def _sheets(path: Path) -> Iterator[tuple[str, Iterator[Row]]]:
    _weigh(path)
    import openpyxl

    try:
        # One copy with the formulas and one with what they gave when the workbook was last saved.
        written = openpyxl.load_workbook(path, read_only=True, data_only=False, keep_links=False)
        values = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except MemoryError:
        raise
    except Exception as error:
        raise Unreadable(f"it is not a workbook that can be opened ({type(error).__name__})") from None
    shown = [name for name in written.sheetnames if getattr(written[name], "sheet_state", "") == "visible"]
    for name in shown:
        if hasattr(written[name], "iter_rows"):
            yield ("" if len(shown) == 1 else name), _cells(written[name], values[name])


def _weigh(path: Path) -> None:
    """Look at the sizes before anything is unpacked. A part that lies about its size is cut off by the zip library."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise Unreadable("it is broken: it is not a whole workbook") from None
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable("it is encrypted: save it without a password")
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise Unreadable("it is not a workbook, whatever its name says")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > UNPACKED or len(parts) > 5_000:
        raise Unreadable(f"it unpacks to {unpacked / 1e6:,.0f} MB; at most {UNPACKED / 1e6:.0f} MB are read")


def _cells(written: Any, values: Any) -> Iterator[Row]:
    for number, (raw, row) in enumerate(zip(written.iter_rows(), values.iter_rows(), strict=False), 1):
        cells, problem = [], ""
        for formula, cell in zip(raw, row, strict=False):
            if cell.value is None and getattr(formula, "data_type", "") == "f":
                problem = "it has a formula without a stored value: open and save it in a spreadsheet program"
            cells.append(_shown(cell.value))
        yield number, cells, problem


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    return str(value)
