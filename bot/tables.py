"""Tables that people bring as CSV or XLSX: any encoding and delimiter, headers in many spellings, and nothing that a file says of itself
is believed. No library is loaded before a workbook is opened.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEADER_WITHIN = 10
UNPACKED = 200_000_000
"""Bytes that an XLSX may have when its parts are unpacked."""
MAX_PARTS = 5_000
DELIMITERS = (",", ";", "\t", "|")

TableRow = tuple[int, list[str], str]
"""Number as people see it, cells, and a problem of the row itself: a clause without its subject."""
Table = tuple[str, Iterator[TableRow]]
"""Name of the sheet where there are several, and its rows."""


class TableUnreadable(Exception):
    """A file that cannot be read. The text is a clause without its subject."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table may have, with the spellings of each, and which it must have."""

    spellings: Mapping[str, str]
    """By meaning; blanks between the spellings, which are without signs and in small letters."""
    needed: frozenset[str]

    def of(self, cells: Iterable[str]) -> dict[str, int]:
        """Where each column is, if these cells are a header; else nothing."""
        meaning = {spelling: name for name, words in self.spellings.items() for spelling in words.split()}
        found: dict[str, int] = {}
        for at, cell in enumerate(cells):
            name = meaning.get(re.sub(r"[\W_]+", "", cell).casefold())
            if name is not None:
                found.setdefault(name, at)
        return found if self.needed <= found.keys() else {}

    def find(self, rows: Iterator[TableRow]) -> tuple[dict[str, int], str]:
        """Take the header from the first rows: the columns, or none and the first row as it is."""
        first = ""
        for _, (_number, cells, _problem) in zip(range(HEADER_WITHIN), rows, strict=False):
            found = self.of(cells)
            if found:
                return found, ""
            first = first or ", ".join(cell.strip() for cell in cells if cell.strip())
        return {}, first


def read_tables(
    path: Path,
    name: str,
    columns: Columns,
    *,
    unpacked: int = UNPACKED,
    widest: int | None = None,
    formulas: bool = True,
) -> list[Table]:
    """The tables of a file: the sheets of a workbook, or the one of a CSV. ``name`` is what people call it, ``widest`` how many columns
    are looked at. ``formulas``: cells with a formula count as what it gave when the workbook was saved, else they are a problem of
    their row. Raises :class:`TableUnreadable`."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK"):
        return list(_sheets(path, unpacked, widest, formulas))
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise TableUnreadable("it is encrypted, or a workbook of the old kind: save it as .xlsx without a password")
    if name.lower().endswith(".xlsx"):
        raise TableUnreadable("it is not a workbook, whatever its name says")
    return [("", _lines(path, columns))]


def where(sheet: str, number: int) -> str:
    """A row for people."""
    return f"sheet {sheet}, row {number}" if sheet else f"row {number}"


# CSV ----------------------------------------------------------------------------------------------------------------


def _lines(path: Path, columns: Columns) -> Iterator[TableRow]:
    text = _text(path.read_bytes())
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, columns))
    number = 0
    while True:
        number += 1  # as a spreadsheet counts: a text of several lines is one row
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, [], f"it cannot be read ({error})"
            continue
        yield number, cells, "it has NUL characters" if any("\x00" in cell for cell in cells) else ""


def _text(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise TableUnreadable("its characters are broken: save it as UTF-8") from None
    for half, encoding in ((raw[1:4_000:2], "utf-16-le"), (raw[0:4_000:2], "utf-16-be")):
        if half and half.count(0) * 2 > len(half):
            return raw.decode(encoding, "replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _delimiter(text: str, columns: Columns) -> str:
    """The one that gives the header; commas stand in texts, too."""
    start = "\n".join(text.splitlines()[:HEADER_WITHIN])
    for delimiter in DELIMITERS:
        try:
            rows: Iterator[TableRow] = iter(
                [(0, cells, "") for cells in csv.reader(io.StringIO(start), delimiter=delimiter)]
            )
        except csv.Error:
            continue
        if columns.find(rows)[0]:
            return delimiter
    return ","


# XLSX ---------------------------------------------------------------------------------------------------------------


def _sheets(path: Path, unpacked: int, widest: int | None, formulas: bool) -> Iterator[Table]:
    _weigh(path, unpacked)
    import openpyxl  # type: ignore[import-untyped]

    raw = path.read_bytes()  # rows are read later, and nobody would close the file behind them

    def opened(data_only: bool) -> Any:
        return openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=data_only, keep_links=False)

    try:
        # One copy with the formulas, and one with what they gave when the workbook was last saved.
        written = opened(False)
        values = opened(True) if formulas else written
    except MemoryError:
        raise
    except Exception as error:
        raise TableUnreadable(f"it is not a workbook that can be opened ({type(error).__name__})") from None
    shown = [name for name in written.sheetnames if getattr(written[name], "sheet_state", "") == "visible"]
    for name in shown:
        if hasattr(written[name], "iter_rows"):
            rows = _cells(written[name], values[name], widest) if formulas else _without_formulas(written[name], widest)
            yield ("" if len(shown) == 1 else name), rows


def _weigh(path: Path, unpacked: int) -> None:
    """Look at the sizes before anything is unpacked. A part that lies about its size is cut off by the zip library."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise TableUnreadable("it is broken: it is not a whole workbook") from None
    if any(part.flag_bits & 1 for part in parts):
        raise TableUnreadable("it is encrypted: save it without a password")
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise TableUnreadable("it is not a workbook, whatever its name says")
    total = sum(part.file_size for part in parts)
    if total > unpacked or len(parts) > MAX_PARTS:
        raise TableUnreadable(f"it unpacks to {total / 1e6:,.0f} MB; at most {unpacked / 1e6:.0f} MB are read")


def _cells(written: Any, values: Any, widest: int | None) -> Iterator[TableRow]:
    both = zip(written.iter_rows(max_col=widest), values.iter_rows(max_col=widest), strict=False)
    for number, (raw, row) in enumerate(both, 1):
        cells, problem = [], ""
        for formula, cell in zip(raw, row, strict=False):
            if cell.value is None and getattr(formula, "data_type", "") == "f":
                problem = "it has a formula without a stored value: open and save it in a spreadsheet program"
            cells.append(_shown(cell.value))
        yield number, cells, problem


def _without_formulas(written: Any, widest: int | None) -> Iterator[TableRow]:
    for number, row in enumerate(written.iter_rows(max_col=widest), 1):
        formula = any(getattr(cell, "data_type", "") == "f" for cell in row)
        problem = "it has a formula: put its words there as text instead" if formula else ""
        yield number, [_shown(cell.value) for cell in row], problem


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    return str(value)
