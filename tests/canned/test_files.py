"""Canned replies in files: whatever a spreadsheet makes of them, what is good is taken and what is bad is named."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import canned, canned_files
from bot.canned import CannedRefused, CannedReply, checked
from bot.canned_files import MAX_ROWS, UnusableFile, read_file, write_file
from tests.commanding import command
from tests.patience import patient

Run = Callable[..., Any]


@pytest.fixture
def run(store: Any) -> Run:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=0))
    return lambda *words, **more: command(store, "canned", *words, **more)


def book(path: Path, *sheets: list[list[Any]], **made: Any) -> Path:
    made_of = openpyxl.Workbook()
    made_of.remove(made_of.active)
    for number, rows in enumerate(sheets):
        sheet = made_of.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = made.get("state", "visible") if number else "visible"
    made_of.save(path)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [values for _, values, problem in read_file(path) if not problem]


TEXT = "Schöne Grüße, der Preis ist 5 €"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_encoding_and_delimiter_is_told_by_the_file(tmp_path: Path, encoding: str, delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows(
        [["Kürzel", "Kategorie", "Antwort", "aktiv"], ["gruss", "Höflich, immer; ja", f"{TEXT}\n\tund bald", "nein"]]
    )
    path = tmp_path / "x.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    assert rows_of(path) == [
        {"shortcut": "gruss", "category": "Höflich, immer; ja", "text": f"{TEXT}\n\tund bald", "on": False}
    ]


def test_a_workbook_gives_its_words_and_no_formula(tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        [["Made in May"], ["Short name", "Title", "Reply", "Enabled", "Notes"], ["a", "", 42, True], ["b", "B", "=1+1"],
         ["c", "C", "'=SUM(A1)", None, "kept out"], [None], ["d", "D", 4.0, "maybe"]],
        [["shortcut", "text"], ["e", "E"]],
        [["something", "else"]],
    )  # fmt: skip
    read = read_file(path)
    assert [(where, problem) for where, _, problem in read if problem] == [
        ("sheet S0, row 4", "It has a formula: put its words there as text instead."),
        ("sheet S0, row 7", "Its state is 'maybe'. Write yes or no."),
        ("sheet S2", "It has no columns for shortcut and text."),
    ]
    assert rows_of(path) == [
        {"shortcut": "a", "text": "42", "on": True}, {"shortcut": "c", "title": "C", "text": "=SUM(A1)", "on": True},
        {"shortcut": "e", "text": "E"},
    ]  # fmt: skip


def test_files_that_cannot_be_used_say_why(tmp_path: Path, run: Run) -> None:
    def named(name: str, raw: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(raw)
        return path

    whole = book(tmp_path / "whole.xlsx", [["shortcut", "text"], ["a", "A"]]).read_bytes()
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(20_000_001)
    for path, said in (
        (
            named("a.csv", b"one,two\n1,2\n"),
            "no columns for shortcut and text were found. Call them so in the first row. Its first row is: one, two",
        ),
        (named("b.csv", b""), "It is empty"),
        (named("c.xlsx", b"shortcut,text\n"), "it is not a workbook, whatever its name says"),
        (named("d.xlsx", whole[: len(whole) // 2]), "it is broken: it is not a whole workbook"),
        (named("e.xls", b"\xd0\xcf\x11\xe0" + b"0" * 100), "a workbook of the old kind"),
        (bomb, "it unpacks to 60 MB; at most 50 MB are read"),
        (huge, "at most 20 MB are read"),
        (tmp_path, "is not a file"),
        (tmp_path / "none.csv", "No such file"),
    ):
        result = run("import", str(path))
        assert result.exit_code == 1 and said in result.output and "Nothing was changed" in result.output, result.output
    assert canned.listed() == []


def test_bad_rows_are_named_and_good_ones_taken(tmp_path: Path, run: Run, store: Any) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "shortcut,title,text,category,language,site,on\n"
        "Good,Fine,Hello {{customer.name}},Greetings,de,demo,yes\n"
        "bad name,x,y,,,,\n"
        "empty,x,,,,,\n"
        f"long,x,{'y' * 4001},,,,\n"
        "braces,x,Hi {{name,,,,\n"
        "note,x,y,,,,\n"
        "where,x,y,,,elsewhere,\n"
        "tongue,x,y,,german!,,\n"
        "slashes,x,// y,,,,\n"
        "good,x,again,,,,\n"
        ",,,,,,\n"
        '"multi",x,"one\ntwo",,,,perhaps\n'
        "last,x,y,,,,off\n",
        "utf-8",
    )
    dry = run("import", str(path), "--dry-run")
    assert (
        dry.exit_code == 1
        and "It would be: 2 added, 0 changed, 0 as they were, 10 left out. Nothing was changed." in dry.output
    )
    assert canned.listed() == []
    result = run("import", str(path))
    assert result.output.splitlines() == [
        "row 3: A shortcut has 1 to 40 letters from a to z, digits, - and _, such as: refund",
        "row 4: There is no text. Write what is sent to the customer.",
        "row 5: The text has 4,001 characters; at most 4,000 are taken. Shorten it.",
        "row 6: Braces do not match: a variable begins with {{ and ends with }} in the same line.",
        "row 7: !note means something else in a thread. Choose another shortcut.",
        "row 8: There is no site 'elsewhere'. See: deskhand site list",
        "row 9: 'german!' is no language. Write it as de or pt-BR, or leave it out.",
        "row 10: A reply that begins with //, note: or 🔒 would look like a note. Begin it with something else.",
        "row 11: Its shortcut good stands in row 2 already.",
        "row 13: Its state is 'perhaps'. Write yes or no.",
        "2 added, 0 changed, 0 as they were, 10 left out.",
    ]
    good, last = sorted(canned.listed(), key=lambda one: one.shortcut)
    assert (good.shortcut, good.title, good.site, good.on, last.on) == ("good", "Fine", "demo", True, False)
    path.write_text("shortcut;text\nGOOD;Hello {{customer.name}}\nlast;changed\n")
    assert "0 added, 1 changed, 1 as they were, 0 left out." in run("import", str(path)).output
    again = {one.shortcut: one for one in canned.listed()}
    assert (again["last"].text, again["last"].on, again["good"].category) == ("changed", False, "Greetings"), (
        "other columns stay"
    )
    trail = store.read(
        lambda: [
            row[0]
            for row in store.sql("SELECT detail FROM audit WHERE action = 'canned.import' ORDER BY id").fetchall()
        ]
    )
    assert trail == ['{"added": 2, "changed": 0}', '{"added": 0, "changed": 1}']


def test_too_many_rows_are_left_out(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    path.write_text("shortcut,text\n" + "".join(f"s{n},x\n" for n in range(MAX_ROWS + 5)))
    where, _, problem = read_file(path)[-1]
    assert where == f"row {MAX_ROWS + 2}" and "more than 20,000 rows" in problem
    monkeypatch.setattr(canned, "MOST", 3)
    path.write_text("shortcut,text\n" + "".join(f"s{n},x\n" for n in range(5)))
    assert "3 added, 0 changed, 0 as they were, 2 left out." in run("import", str(path)).output
    assert "and at most 3 are kept" in run("add", "one-more", "--text", "x").output


def test_empty_rows_of_a_sheet_are_no_rows_and_a_row_at_the_end_of_the_world_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canned_files, "MAX_ROWS", 200)
    monkeypatch.setattr(canned_files, "FARTHEST", 50_000)
    path, bad = tmp_path / "x.xlsx", tmp_path / "bad.xlsx"
    book(path, [["shortcut", "text"], *([None, None] for _ in range(300)), ["a", "A"]])
    assert rows_of(path) == [{"shortcut": "a", "text": "A"}] and len(read_file(path)) == 1
    with (
        zipfile.ZipFile(book(path, [["shortcut", "text"], ["a", "A"], ["b", "B"]])) as good,
        zipfile.ZipFile(bad, "w") as changed,
    ):
        for name in good.namelist():
            changed.writestr(name, good.read(name).replace(b'<row r="3"', b'<row r="999999999999"'))
    began = time.monotonic()
    assert rows_of(bad)[0] == {"shortcut": "a", "text": "A"} and time.monotonic() - began < patient(20)


def test_an_export_asks_for_a_name_and_cannot_run_anything_in_a_spreadsheet(tmp_path: Path, run: Run) -> None:
    run("add", "calc", "--text", '=HYPERLINK("https://evil.example")', "--title", "@me", "--category", "-x", "--off")
    path = tmp_path / "out.csv"
    assert "Wrote 1 canned reply" in run("export", str(path)).output
    cells = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))[1]
    assert cells == ["calc", "'@me", '\'=HYPERLINK("https://evil.example")', "'-x", "", "", "no"]
    book_path = tmp_path / "out.xlsx"
    run("export", str(book_path))
    cell = openpyxl.load_workbook(book_path).active["C2"]
    assert (cell.data_type, cell.value) == ("s", '=HYPERLINK("https://evil.example")')
    for name, said in (("out.txt", "neither .csv nor .xlsx"), ("no/such/place.csv", "cannot be written: No such file")):
        refused = run("export", str(tmp_path / name))
        assert refused.exit_code == 1 and said in refused.output


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
lines = st.builds(
    lambda begin, rest: begin + rest,
    st.sampled_from(["", "=", "+", "-", "@", "'=", "''@", "'", "007", "1e5", "_x000D_", " "]),
    words,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(lines, lines, lines, st.sampled_from(["", "de", "pt-BR"]), st.booleans()), min_size=1, max_size=6
    ),
    st.sampled_from([".csv", ".xlsx"]),
)
def test_what_is_written_is_read_again(tmp_path: Path, many: list[tuple[str, str, str, str, bool]], kind: str) -> None:
    made = []
    for number, (title, text, category, language, on) in enumerate(many):
        try:
            given_one = CannedReply(
                shortcut=f"s-{number}", title=title, text=text, category=category, language=language, on=on
            )
            made.append(checked(given_one, {}))
        except CannedRefused:
            continue
    path = tmp_path / f"x{kind}"
    write_file(path, made)
    again = [checked(CannedReply(**values), {}) for values in rows_of(path)]
    assert again == made
    assert [problem for _, _, problem in read_file(path) if problem] == []


def test_a_name_without_an_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile):
        write_file(tmp_path / "x", [])
