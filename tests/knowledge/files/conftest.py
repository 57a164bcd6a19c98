"""Files as sources of knowledge."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from bot import (
    SourceOrder,
    SourceView,
    add_source,
    article_text,
    import_source,
    kinds_of_source,
    list_articles,
)
from bot.plugins import forget_plugins, load_plugins


@pytest.fixture(autouse=True)
def _plugins(store: Any) -> Iterator[None]:
    load_plugins("cli")
    yield
    forget_plugins()


def add(path: Path, **more: Any) -> SourceView:
    kinds = [kind for kind in kinds_of_source().values() if kind.accepts(str(path))]
    order = kinds[0].check(SourceOrder(address=str(path), **more))
    return add_source(kinds[0].kind, order, by="cli:ann")


def look(path: Path) -> SourceView:
    return import_source(add(path).id)


def problem(path: Path) -> str:
    """The one reason why nothing was read."""
    after = look(path)
    assert list_articles(after.source) == []
    assert after.state == "done"
    (text,) = after.report.problems
    return text


def answers() -> dict[str, str]:
    return {article.title: article_text(article.id) for article in list_articles()}


def pdf(*pages: str, password: str = "", title: str = "", blank: bool = False) -> bytes:
    """A PDF with a line of text for each line of each page."""
    writer = pypdf.PdfWriter()
    font = writer._add_object(
        DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
    )
    for text in pages:
        page = writer.add_blank_page(width=600, height=800)
        if blank:
            continue
        drawn = "".join(f"({line}) Tj 0 -14 Td " for line in text.splitlines())
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 50 750 Td {drawn} ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
