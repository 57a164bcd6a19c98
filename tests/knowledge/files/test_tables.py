"""Tables of questions and answers as a source: every bad row is named, and no workbook is a bomb."""

from __future__ import annotations

import os
import re
import time
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bot import (
    import_source,
    list_articles,
)
from plugins.sources import _rows
from plugins.sources._reader import Reading
from tests.patience import patient

from .conftest import add, answers, look, problem

pytestmark = pytest.mark.once


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
    assert time.monotonic() - began < patient(10)


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
    assert time.monotonic() - began < patient(30)
