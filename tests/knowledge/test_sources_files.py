"""PDF, tables and Markdown as sources: what is read, and what is refused with which words."""

from __future__ import annotations

import io
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from bot import (
    SourceOrder,
    SourceRefused,
    SourceView,
    accounts,
    add_source,
    article_text,
    find_source,
    import_source,
    kinds_of_source,
    list_articles,
)
from bot.plugins import forget_plugins, load_plugins
from plugins.knowledge.frontmatter import parse
from plugins.sources import _reader, _rows
from plugins.sources._reader import Reading, Unreadable


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


# PDF ----------------------------------------------------------------------------------------------------------------


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
    assert time.monotonic() - began < 60


# Tables -------------------------------------------------------------------------------------------------------------


def test_a_csv_of_questions_becomes_articles(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text(
        "Topic,Question,Answer,Language,Link\n"
        'Shipping,How much is it?,"Five euro, always.",en,https://shop.example/s\n'
        "Shipping,Was kostet es?,Fünf Euro.,de,\n"
    )
    after = look(path)
    assert (after.articles, after.report.problems) == (2, ())
    assert [(a.title, a.language, a.url) for a in list_articles()] == sorted(
        [("How much is it?", "en", "https://shop.example/s"), ("Was kostet es?", "de", "")],
        key=lambda one: next(a.path for a in list_articles() if a.title == one[0]),
    )
    assert answers()["How much is it?"] == "## Shipping\n\nFive euro, always."


@pytest.mark.parametrize(
    "header",
    [
        "question,answer",
        "Q,A",
        "FRAGE,ANTWORT",
        "Title,Body",
        "Pregunta,Respuesta",
        " Questions , Answers ",
        "質問,回答",
        "Query,Reply",
    ],
)
def test_headers_are_known_in_many_spellings(tmp_path: Path, header: str) -> None:
    path = tmp_path / "faq.csv"
    path.write_text(f"{header}\nIs it blue?,It is.\n", "utf-8")
    look(path)
    assert answers() == {"Is it blue?": "It is."}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_csv_in_whatever_form_a_spreadsheet_saves(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "faq.csv"
    path.write_bytes(delimiter.join(["Frage", "Antwort\r\nWie groß?", "Größe „M“ – 5 €\r\n"]).encode(encoding))
    look(path)
    assert answers() == {"Wie groß?": "Größe „M“ – 5 €"}


def test_every_bad_row_is_named_by_its_number_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    rows = [
        "Our questions,", "question,answer,url,language,site", "One?,1,,,", "Two?,,,,", ",3,,,", "", "one ?,again,,,", "One?,again,,,",
        "Bad link?,4,javascript:x,,", "Bad language?,5,,English please,", "No site?,6,,,nowhere", "NUL?,a\x00b,,,",
        f"Long?,{'x' * 21_000},,,", "Last?,7,,,",
    ]  # fmt: skip
    path.write_text("\n".join(rows))
    after = look(path)
    assert set(answers()) == {"One?", "one ?", "Last?"}
    told = {
        p.split(" was left out: ")[0].removeprefix("faq.csv, "): p.split(" was left out: ")[1]
        for p in after.report.problems
    }
    assert {key: told[key] for key in sorted(told) if key.startswith("row")} == {
        "row 4": "it has no answer (cells that were merged keep only their first).",
        "row 5": "it has no question (cells that were merged keep only their first).",
        "row 8": "its question stands in row 3 already.",
        "row 9": "its address does not begin with https:// or http://.",
        "row 10": "its language is not a tag such as en or pt-BR.",
        "row 12": "it has NUL characters.",
        "row 13": "it is too long: a question may have 1,000 characters, an answer 20,000.",
    }
    assert any("nowhere, which does not exist" in problem for problem in after.report.problems)


def test_a_row_keeps_its_article_when_rows_move(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nA?,1\nB?,2\n")
    view = add(path)
    import_source(view.id)
    ids = {article.title: article.id for article in list_articles()}
    path.write_text("question,answer\nNew?,0\nB?,two\nA?,1\n")
    after = import_source(view.id)
    assert (after.report.added, after.report.changed, after.report.unchanged) == (1, 1, 1)
    now = {article.title: article.id for article in list_articles()}
    assert (now["A?"], now["B?"]) == (ids["A?"], ids["B?"])
    path.write_text("question,answer\nB?,two\n")
    assert import_source(view.id).report.removed == 2
    assert import_source(view.id).report.unchanged == 1


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", b"", "It is empty"),
        ("a.csv", b"name,price\nTea,3\n", "Its first row is: name, price"),
        ("a.csv", os.urandom(3_000), "no columns for question and answer|broken"),
        ("a.xlsx", b"question,answer\n", "not a workbook, whatever its name says"),
        ("a.xlsx", b"PK\x03\x04 nothing", "not a whole workbook"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600), "encrypted, or a workbook of the old kind"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert re.search(match, problem(tmp_path / name))


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_is_read_sheet_by_sheet(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "faq.xlsx",
        English=[["Question", "Answer"], ["How many?", 3], ["Since when?", None]],
        Deutsch=[["FAQ"], ["Frage", "Antwort"], ["Wie viele?", "Drei"]],
        Prices=[["Item", "Price"], ["Tea", 3]],
        Nothing=[],
    )
    after = look(path)
    assert answers() == {"How many?": "3", "Wie viele?": "Drei"}
    told = " ".join(after.report.problems)
    assert "sheet English, row 3 was left out: it has no answer" in told
    assert "sheet Prices was left out: it has no columns for question and answer" in told
    assert "Nothing" not in told


def test_formulas_and_merged_cells_are_named_where_they_hide_something(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Question", "Answer"],
        ["Formula?", '="a"&"b"'],
        ["Merged?", "First"],
        [None, "Second"],
        ["Plain?", "Yes"],
    ):
        sheet.append(row)
    sheet.merge_cells("A3:A4")
    book.save(tmp_path / "faq.xlsx")
    after = look(tmp_path / "faq.xlsx")
    assert answers() == {"Merged?": "First", "Plain?": "Yes"}
    assert [problem.split(", ")[1] for problem in after.report.problems] == [
        "row 2 was left out: it has a formula without a stored value: open and save it in a spreadsheet program.",
        "row 4 was left out: it has no question (cells that were merged keep only their first).",
    ]


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = workbook(tmp_path / "bomb.xlsx", Sheet=[["Question", "Answer"]])
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/media/bomb.bin", "w", force_zip64=True) as part,
    ):
        for _ in range(300):
            part.write(bytes(1_000_000))
    assert path.stat().st_size < 2_000_000
    began = time.monotonic()
    assert "it unpacks to 300 MB; at most 200 MB are read" in problem(path)
    assert time.monotonic() - began < 10


def test_a_sheet_of_100_000_rows_is_read_as_far_as_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.csv"
    path.write_text("question,answer\n" + "".join(f"Number {n}?,It is {n}.\n" for n in range(100_000)))
    with Reading() as reading:
        found = list(reading.ask("rows", path, 60.0, name=path.name))
    assert len(found) == _rows.MAX_ROWS + 1
    assert found[-1]["row"] == "row 20002"
    assert "more than 20,000 rows" in found[-1]["problem"]
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Big")
    sheet.append(["Question", "Answer"])
    for number in range(25_000):
        sheet.append([f"Number {number}?", f"It is {number}."])
    book.save(tmp_path / "big.xlsx")
    with Reading() as reading:
        found = list(reading.ask("rows", tmp_path / "big.xlsx", 120.0, name="big.xlsx"))
    assert (len(found), found[-1]["row"]) == (_rows.MAX_ROWS + 1, "row 20002")


def test_a_file_that_is_too_large_or_no_file_is_refused_at_once(tmp_path: Path) -> None:
    big = tmp_path / "big.csv"
    with big.open("wb") as file:
        file.truncate(21_000_000)
    for path, match in (
        (big, "at most 20 MB are read. Split it"), (tmp_path / "none.pdf", "No such file"),
        (tmp_path / "pipe.csv", "not a file"),
    ):  # fmt: skip
        if path.name == "pipe.csv":
            os.mkfifo(path)
        with pytest.raises(SourceRefused, match=match):
            add(path)


def test_a_file_that_went_away_leaves_its_articles(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nA?,1\n")
    view = add(path)
    import_source(view.id)
    path.rename(tmp_path / "elsewhere.csv")
    after = import_source(view.id)
    assert (after.state, len(list_articles())) == ("failed", 1)
    assert "Put it back or remove the source" in after.error
    path.write_text("broken")
    after = import_source(view.id)
    assert (after.report.failed, len(list_articles())) == (1, 1)


# The reading process ------------------------------------------------------------------------------------------------


def test_a_reader_that_takes_too_long_is_ended_and_the_next_file_gets_another(tmp_path: Path) -> None:
    slow = tmp_path / "slow.html"
    slow.write_bytes(b"<div>" * 200_000 + b"x")
    with Reading() as reading:
        with pytest.raises(Unreadable, match="could not be read within 0 seconds"):
            list(reading.ask("html", slow, 0.01, url="https://x.example/"))
        found = reading.one("html", b"<h1>A</h1><p>Good text here.</p>", url="https://x.example/")
    assert found["title"] == "A"


def test_who_takes_long_to_store_what_was_read_does_not_use_up_the_readers_time(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\n" + "".join(f"Number {n}?,{'x' * 200}\n" for n in range(5_000)))
    rows = 0
    with Reading() as reading:
        for _row in reading.ask("rows", path, 8.0, name=path.name):
            rows += 1
            if rows % 500 == 0:
                time.sleep(1.0)
    assert rows == 5_000


def test_the_reading_process_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("DESKHAND_KEY", "secret")
    assert not [name for name in _reader._environment() if "KEY" in name or name.startswith("DESKHAND")]
    assert set(_reader._environment()["PYTHONPATH"].split(os.pathsep)) <= set(sys.path)


# Markdown -----------------------------------------------------------------------------------------------------------


def test_a_markdown_folder_can_be_added(tmp_path: Path) -> None:
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "bees.md").write_text("---\ntitle: Bees\nlanguage: en\n---\n\nBees like heather.")
    (folder / "draft.md").write_text("---\ndraft: true\n---\nNot yet.")
    (folder / "bad.md").write_bytes(b"\xff\xfe")
    (folder / "bomb.md").write_text("---\na: &a [x]\nb: [*a, *a]\n---\nText.")
    view = add(folder)
    after = import_source(view.id)
    assert (after.articles, after.report.failed) == (1, 2)
    assert {p.split(" was")[0] for p in after.report.problems} == {"bad.md", "bomb.md"}
    (folder / "bees.md").unlink()
    (folder / "wasps.md").write_text("# Wasps\n\nWasps like plums.")
    after = import_source(view.id)
    assert ([article.title for article in list_articles()], after.report.removed) == (["Wasps"], 1)
    os.rename(folder, tmp_path / "away")
    after = import_source(view.id)
    assert (after.state, len(list_articles())) == ("failed", 1)


def test_one_markdown_file_can_be_added(tmp_path: Path) -> None:
    path = tmp_path / "bees.md"
    path.write_text("# Bees\n\nBees like heather.")
    (tmp_path / "other.md").write_text("# Other\n\nNot asked for.")
    assert look(path).articles == 1
    assert find_source(str(path)).kind == "markdown"
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceRefused, match="no file in it ends in"):
        add(tmp_path / "empty")


def test_a_workbook_whose_xml_explodes_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "laughs.xlsx", Sheet=[["Question", "Answer"], ["Is it blue?", "It is."]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'.encode()
    name = next(name for name, content in parts.items() if b"It is." in content)
    body = re.sub(rb"^<\?xml.*?\?>\s*", b"", parts[name])
    parts[name] = head + body.replace(b"It is.", b"&l11;")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    began = time.monotonic()
    assert "left out" in problem(path)
    assert time.monotonic() - began < 30


# What no database takes -------------------------------------------------------------------------------------------


def test_odd_characters_of_a_file_stop_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = tmp_path / "no-header.csv"
    head.write_bytes(b"one\x00,two\nthree,four\n")
    assert "Its first row is: one, two" in problem(head)  # PostgreSQL refuses a text with a NUL in it
    odd = {"title": "Half \ud83d of it", "body": "Three\x00 days\ud83d.", "updated": "", "pages": 1}
    monkeypatch.setattr(Reading, "one", lambda *_a, **_k: odd)  # some PDFs have such texts
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("Text."))
    assert look(path).state == "done"
    assert answers() == {"Half of it": "Three days."}


def test_a_row_for_a_site_that_is_made_later_is_read_then(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer,sites\nHow long?,Three days.,\nHow much?,Five euro.,later\n")
    view = add(path)
    assert "the site later, which does not exist" in import_source(view.id).report.problems[0]
    assert "the site later" in import_source(view.id).report.problems[0]  # said as long as it is so
    accounts.add_site("Later", key="later", origins=["https://later.example"])
    after = import_source(view.id)
    assert (sorted(answers()), after.report.added, after.report.problems) == (["How long?", "How much?"], 1, ())
    assert import_source(view.id).report.unchanged == 2


def test_a_heading_of_a_megabyte_is_read_at_once() -> None:
    began = time.process_time()
    for line in ("# " + "#" * 900_000 + "x", "# " + "[" * 900_000 + "x", "#" + " " * 900_000):
        assert len(parse(f"{line}\n\nText.".encode(), "name").title) <= 300
    assert parse(b"# Returns of *gifts* ##\n\nText.", "name").title == "Returns of gifts"
    assert parse(b"# C#\n\nText.", "name").title == "C"
    assert time.process_time() - began < 5
