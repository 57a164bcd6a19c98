"""A PDF as Markdown: its pages under headings, lines joined to paragraphs, without what stands on every page."""

from __future__ import annotations

import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pypdf
from pypdf.errors import PdfReadError, PyPdfError

from ._reader import Unreadable

MAX_PAGES = 1_000
MAX_TEXT = 1_500_000
_ITEM = re.compile(r"\s*([-•*‣▪–·]|\d{1,2}[.)])\s+\S")
_MARKUP = re.compile(r"^(\s*)([#>|`~=-]|\+\s)")


def read_pdf(path: Path, name: str) -> dict[str, Any]:
    """Return title, body, date and number of pages. Raises :class:`Unreadable`."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with path.open("rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise Unreadable("it is not a PDF, whatever its name says")
        try:
            reader = pypdf.PdfReader(file, strict=False)
            if reader.is_encrypted and not reader.decrypt(""):
                raise Unreadable("it is encrypted: save it without a password")
            count = len(reader.pages)
            if count > MAX_PAGES:
                raise Unreadable(f"it has {count:,} pages; at most {MAX_PAGES:,} are read. Split it")
            pages = [page.extract_text() or "" for page in reader.pages]
            facts = reader.metadata
        except (PyPdfError, PdfReadError) as error:
            if "password" in str(error).lower() or "decrypt" in str(error).lower():
                raise Unreadable("it is encrypted: save it without a password") from None
            raise Unreadable("it is broken: no PDF reader can be expected to open it") from None
    cleaned = [_paragraphs(lines) for lines in _without_repeats([page.splitlines() for page in pages])]
    if not any(page.strip() for page in cleaned):
        raise Unreadable("it has no text: its pages are pictures. Run a text recognition over it first")
    body = "\n\n".join(f"## Page {number}\n\n{page}" for number, page in enumerate(cleaned, 1) if page.strip())
    if len(body) > MAX_TEXT:
        raise Unreadable(f"it has {len(body):,} characters; at most {MAX_TEXT:,} are read. Split it")
    return {"title": _title(facts, name), "body": body, "updated": _date(facts), "pages": len(pages)}


def _without_repeats(pages: list[list[str]]) -> list[list[str]]:
    """Take away head and foot lines: those that stand on most pages."""
    if len(pages) < 4:
        return pages
    seen = Counter(line for lines in pages for line in {_bare(line) for line in [*lines[:2], *lines[-2:]]} if line)
    often = {line for line, times in seen.items() if times * 2 > len(pages)}
    return [[line for line in lines if _bare(line) not in often] for lines in pages]


def _bare(line: str) -> str:
    """Page numbers differ; of a longer line the numbers are what it says."""
    return re.sub(r"\d+", "0", line).strip() if sum(letter.isalpha() for letter in line) <= 10 else line.strip()


def _paragraphs(lines: list[str]) -> str:
    out: list[str] = []
    for line in (one.strip() for one in lines):
        text = _MARKUP.sub(r"\1\\\2", line) if not _ITEM.match(line) else line
        if not line:
            out.append("")
        elif not out or not out[-1] or _ITEM.match(line):
            out.append(text)
        elif out[-1].endswith("-") and line[:1].islower():
            out[-1] = out[-1][:-1] + line
        else:
            out[-1] += " " + line
    return "\n".join(re.sub(r"^[•‣▪–·]", "-", line) for line in out).strip()


def _title(facts: Any, name: str) -> str:
    told = " ".join(str(getattr(facts, "title", None) or "").split())
    known = told and not re.search(r"untitled|^microsoft|\.(docx?|indd|tex|pdf)$", told, re.IGNORECASE)
    return told[:300] if known else name


def _date(facts: Any) -> str:
    try:
        when = (facts.modification_date or facts.creation_date) if facts is not None else None
        return when.date().isoformat() if when is not None else ""
    except (ValueError, AttributeError, TypeError):
        return ""
