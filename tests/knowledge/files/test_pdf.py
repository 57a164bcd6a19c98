"""PDF as a source: what is read, and what is refused with which words."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest

from tests.patience import patient

from .conftest import answers, look, pdf, problem

pytestmark = pytest.mark.once


def test_a_pdf_becomes_an_article_with_its_pages(tmp_path: Path) -> None:
    path = tmp_path / "care-guide.pdf"
    path.write_bytes(
        pdf("Wash wool by hand in cold wa-\nter and dry it flat.\n# no heading", "Linen may be ironed hot.")
    )
    after = look(path)
    assert (after.articles, after.report.problems) == (1, ())
    assert answers() == {
        "care guide": "## Page 1\n\nWash wool by hand in cold water and dry it flat. # no heading\n\n## Page 2\n\nLinen may be ironed hot."
    }


def test_what_stands_on_every_page_of_a_pdf_is_left_away(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(
        pdf(*(f"Fjord and Fern Ltd\nFact number {n} is here.\nPage {n} of 5" for n in range(1, 6)), title="Facts")
    )
    look(path)
    (body,) = answers().values()
    assert list(answers()) == ["Facts"]
    assert "Fjord" not in body
    assert "of 5" not in body
    assert "Fact number 3 is here." in body


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (lambda: pdf("Secret.", password="hunter2"), "it is encrypted: save it without a password"),
        (lambda: pdf("", "", blank=True), "its pages are pictures"),
        (lambda: pdf("Text.")[:200], "it is broken"),
        (lambda: b"%PDF-1.7\n" + os.urandom(5_000), "it is broken"),
        (lambda: b"Just text.", "not a PDF, whatever its name says"),
        (lambda: b"", "not a PDF"),
    ],
)
def test_a_pdf_that_cannot_be_read_is_named(tmp_path: Path, content: Callable[[], bytes], match: str) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(content())
    assert match in problem(path)


def test_a_pdf_without_a_users_password_is_read_although_it_is_protected(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Printing is forbidden, reading is not.")))
    writer.encrypt("", owner_password="owner", algorithm="RC4-128")
    with (tmp_path / "a.pdf").open("wb") as file:
        writer.write(file)
    look(tmp_path / "a.pdf")
    assert "reading is not" in next(iter(answers().values()))


def test_a_pdf_that_unpacks_to_gigabytes_costs_its_reader_and_nobody_else(tmp_path: Path) -> None:
    import zlib

    packed = zlib.compress(bytes(1_900_000_000), 1)
    head = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    page = b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n"
    body = (
        b"4 0 obj<</Length "
        + str(len(packed)).encode()
        + b"/Filter/FlateDecode>>stream\n"
        + packed
        + b"\nendstream endobj\n"
    )
    (tmp_path / "bomb.pdf").write_bytes(head + page + body + b"trailer<</Root 1 0 R/Size 5>>\n%%EOF")
    began = time.monotonic()
    assert "left out" in problem(tmp_path / "bomb.pdf")
    assert time.monotonic() - began < patient(60)
