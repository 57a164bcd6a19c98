"""Canned replies in CSV and XLSX files, for people and their spreadsheets. What is written is read again as it was.

A spreadsheet takes a cell that begins with = + - @ for a formula. In CSV such a text gets an apostrophe before it, which is taken away
when it is read; in XLSX texts are stored as texts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot.canned import FIELDS, CannedReply
from bot.tables import Columns, TableUnreadable, read_tables, where

MAX_BYTES = 20_000_000
UNPACKED = 50_000_000
MAX_ROWS = 20_000
FARTHEST = 1_100_000
"""Rows that are looked at: a sheet has 1,048,576 at most, nearly all of them empty."""
WIDEST = 50
"""Columns that are looked at."""
_COLUMNS = Columns(
    {
        "shortcut": "shortcut shortcuts shortname shortcode command key keyword code slug kürzel kuerzel kurzbefehl atajo raccourci "
        "scorciatoia sneltoets atalho prečac skrót ショートカット 快捷方式",
        "title": "title name subject heading label titel überschrift bezeichnung título titulo titre titolo onderwerp naslov tytuł "
        "タイトル 标题",
        "text": "text texts reply response answer body content message template antwort nachricht inhalt texto respuesta mensaje réponse "
        "texte testo risposta tekst antwoord resposta mensagem odgovor treść 返信 本文 回复 内容",
        "category": "category categories group folder section topic kategorie gruppe ordner categoría categoria catégorie categorie "
        "kategorija kategoria カテゴリ 分类",
        "language": "language lang locale sprache idioma langue lingua taal jezik język 言語 语言",
        "site": "site sites sitekey website shop",
        "on": "on active enabled state status onoff aktiv an aktiviert activo activado actif actief ativo aktivno 有効 启用",
    },
    frozenset({"shortcut", "text"}),
)
_ON = {
    **dict.fromkeys(
        (
            "",
            "on",
            "yes",
            "y",
            "true",
            "1",
            "x",
            "active",
            "enabled",
            "ja",
            "an",
            "aktiv",
            "oui",
            "si",
            "sí",
            "sim",
            "da",
        ),
        True,
    ),
    **dict.fromkeys(
        ("off", "no", "n", "false", "0", "-", "inactive", "disabled", "nein", "aus", "inaktiv", "non", "não", "ne"),
        False,
    ),
}
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")

Read = tuple[str, dict[str, Any], str]
"""Where a row stands, its fields, and what is wrong with it: a clause, or nothing."""


class UnusableFile(Exception):
    """A file of which nothing can be read. The text is a sentence that says why and what to do."""


def read_file(path: Path) -> list[Read]:
    """The rows of a file; what is wrong with one stands beside it. Raises :class:`UnusableFile`, OSError."""
    if not path.is_file():
        path.stat()
        raise UnusableFile(f"{path} is not a file. Nothing was changed.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UnusableFile(
            f"{path} has {size / 1e6:,.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are read. Split it. Nothing was changed."
        )
    try:
        return list(_rows(path))
    except TableUnreadable as error:
        raise UnusableFile(f"{path} cannot be used: {error}. Nothing was changed.") from None
    except MemoryError:
        raise UnusableFile(
            f"{path} cannot be used: reading it takes too much memory. Split it. Nothing was changed."
        ) from None


def _rows(path: Path) -> Iterator[Read]:
    count, used, first = 0, False, ""
    for sheet, rows in read_tables(path, path.name, _COLUMNS, unpacked=UNPACKED, widest=WIDEST, formulas=False):
        columns, shown = _COLUMNS.find(rows)
        if not columns:
            first = first or shown
            if sheet and shown:
                yield f"sheet {sheet}", {}, "It has no columns for shortcut and text."
            continue
        used = True
        for number, cells, problem in rows:
            if number > FARTHEST:
                break
            if not problem and not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MAX_ROWS:
                yield (
                    where(sheet, number),
                    {},
                    f"There are more than {MAX_ROWS:,} rows; from here on nothing was read. Split the file.",
                )
                return
            yield _row(where(sheet, number), cells, columns, problem)
    if not used:
        told = f" Its first row is: {first[:150]}." if first else " It is empty."
        raise TableUnreadable(
            f"no columns for shortcut and text were found. Call them so in the first row.{told}".rstrip(".")
        )


def _row(place: str, cells: Sequence[str], columns: dict[str, int], problem: str) -> Read:
    values: dict[str, Any] = {name: _unescaped(cells[at]) if at < len(cells) else "" for name, at in columns.items()}
    if problem:
        return place, values, f"{problem[:1].upper()}{problem[1:]}."
    if "on" in values:
        on = _ON.get(values["on"].strip().casefold())
        if on is None:
            return place, values, f"Its state is {values['on'][:40]!r}. Write yes or no."
        values["on"] = on
    if "title" in values and not values["title"].strip():
        del values["title"]
    return place, values, ""


def _unescaped(cell: str) -> str:
    return cell[1:] if _ESCAPED.match(cell) else cell


def write_file(path: Path, replies: Sequence[CannedReply]) -> None:
    """Write them as the file's name says: ``.csv`` or ``.xlsx``. Raises :class:`UnusableFile`, OSError."""
    rows = [[_cell(one, name) for name in FIELDS] for one in replies]
    if path.suffix.lower() == ".csv":
        path.write_bytes(_as_csv(rows))
    elif path.suffix.lower() == ".xlsx":
        path.write_bytes(_as_xlsx(rows))
    else:
        raise UnusableFile(f"The name {path.name} says neither .csv nor .xlsx. Nothing was written.")


def _cell(one: CannedReply, name: str) -> str:
    value = getattr(one, name)
    return str(value) if not isinstance(value, bool) else "yes" if value else "no"


def _as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(FIELDS)
    writer.writerows([[f"'{cell}" if _FORMULA.match(cell) else cell for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")  # spreadsheets take a file without the mark for another encoding


def _as_xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    import openpyxl  # type: ignore[import-untyped]
    from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]
    from openpyxl.styles import Alignment  # type: ignore[import-untyped]

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Canned replies")
    for letter, width in zip("ABCDEFG", (18, 30, 80, 18, 10, 14, 6), strict=True):
        sheet.column_dimensions[letter].width = width
    for row in (FIELDS, *rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=None)
            if value:
                # Set by hand: a value that begins with = would be stored as a formula.
                cell.value = f"'{value}" if _ESCAPED.match(value) else value
                cell.data_type = "s"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
