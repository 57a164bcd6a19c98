"""Rules as rows, on the command line and in files: written, changed, counted, brought in; what is wrong is told and the rest goes on."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import (
    ReplyRule,
    RuleRefused,
    RuleSource,
    add_rule,
    change_rule,
    clock,
    count_rule_use,
    list_rules,
    reply_rules,
    rules_version,
)
from plugins.auto_reply.files import UnusableFile, read_rules, written
from tests.commanding import command


@pytest.fixture
def shop(store: Any) -> Any:
    store.write(lambda: store.Site.create(id="s1", key="shop", name="Shop", created_at=clock.now()))
    return store


def hours(**more: Any) -> ReplyRule:
    return ReplyRule(**{"name": "Hours", "phrases": ("opening hours",), "answer": "We open at **9**.", **more})


def test_a_rule_is_stored_as_it_was_written(shop: Any) -> None:
    made = add_rule(
        hours(
            phrases=("  opening   hours ", "opening hours", ""),
            choices=("Where are you?",),
            sources=(RuleSource(title="Contact", url="https://shop.example/contact"),),
            language="de-AT",
            site="shop",
            priority=3,
        ),
        actor="test",
    )
    (found,) = list_rules()
    assert found.id == made.id and found.phrases == ("opening hours",)
    assert (found.language, found.site, found.site_id, found.priority, found.uses) == ("de", "shop", "s1", 3, 0)
    assert found.sources == (RuleSource(title="Contact", url="https://shop.example/contact"),)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "x" * 81}, "81 characters"),
        ({"phrases": ()}, "no phrase"),
        ({"phrases": ("x" * 301,)}, "301 characters"),
        ({"phrases": tuple(str(n) for n in range(201))}, "201 phrases"),
        ({"phrases": ("👍",), "match": "keyword"}, "no word in it"),
        ({"match": "regex"}, "There are: exact, partial, keyword"),
        ({"action": "shout"}, "There are: answer, handoff, choices"),
        ({"answer": " "}, "no answer"),
        ({"answer": "x" * 4_001}, "4,001 characters"),
        ({"action": "choices", "choices": ()}, "no choices"),
        ({"choices": tuple("abcdef")}, "6 choices"),
        ({"choices": ("x" * 81,)}, "81 characters"),
        ({"sources": (RuleSource(title="x", url="javascript:alert(1)"),)}, "is no address"),
        ({"sources": (RuleSource(title="x", url="https://a b"),)}, "is no address"),
        ({"sources": (RuleSource(title=""),)}, "needs a title"),
        ({"language": "german!"}, "is no language"),
        ({"site": "nowhere"}, "there is no site"),
        ({"priority": 1_001}, "from -1000 to 1000"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_a_sentence(shop: Any, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleRefused) as refused:
        add_rule(hours(**wrong), actor="test")
    assert says in str(refused.value) and str(refused.value).endswith((".", "edit", "list"))
    assert list_rules() == []


def test_changes_move_the_version_and_uses_do_not(shop: Any) -> None:
    versions = [rules_version()]
    made = add_rule(hours(), actor="test")
    versions.append(rules_version())
    change_rule("Hours", actor="test", priority=2)
    versions.append(rules_version())
    assert len(set(versions)) == 3
    threads = [threading.Thread(target=count_rule_use, args=(made.id,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadline = clock.now() + 5
    while list_rules()[0].uses < 8 and clock.now() < deadline:
        pass
    assert list_rules()[0].uses == 8 and list_rules()[0].used_at is not None
    assert rules_version() == versions[-1]


def test_names_are_unique_also_when_two_write_at_once(shop: Any) -> None:
    outcomes: list[str] = []

    def work() -> None:
        try:
            outcomes.append(add_rule(hours(), actor="test").name)
        except RuleRefused as refused:
            outcomes.append(str(refused)[:18])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Hours"] + ["There is a rule 'H"] * 5 and len(list_rules()) == 1


def test_there_is_a_most(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_rules, "MAX_RULES", 2)
    for name in "ab":
        add_rule(hours(name=name), actor="test")
    with pytest.raises(RuleRefused, match="at most 2"):
        add_rule(hours(name="c"), actor="test")
    with pytest.raises(RuleRefused, match="more than 2"):
        reply_rules.import_rules([hours(name="d")], actor="test")
    assert [one.name for one in list_rules()] == ["a", "b"]


# The command line ----------------------------------------------------------------------------------------------


def run(store: Any, *arguments: str) -> Any:
    return command(store, "auto-replies", *arguments)


def test_an_admin_writes_tests_switches_and_removes_a_rule(shop: Any, tmp_path: Path) -> None:
    answer = tmp_path / "hours.md"
    answer.write_text("We open at **9**.\n", "utf-8")
    done = run(
        shop, "add", "Hours", "--phrase", "opening hours", "--phrase", "when open", "--answer", f"@{answer}", "--choice",
        "Where?", "--source", "Contact https://shop.example/contact",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    tested = run(shop, "test", "When are you open?", "--site", "shop").output
    assert "Hours would fire: it has the words 'when open'" in tested and "We open at **9**." in tested
    shown = run(shop, "show", "Hours").output
    assert "keyword: opening hours | when open" in shown and "https://shop.example/contact" in shown
    assert run(shop, "off", "Hours").exit_code == 0
    assert "No rule fits" in run(shop, "test", "When are you open?").output
    assert "off       0x" in run(shop, "list").output
    assert run(shop, "on", "Hours").exit_code == 0
    assert run(shop, "edit", "Hours", "--rename", "Times", "--match", "exact", "--priority", "7").exit_code == 0
    (rule,) = list_rules()
    assert (rule.name, rule.match, rule.priority, rule.answer) == ("Times", "exact", 7, "We open at **9**.")
    assert run(shop, "remove", "Times").exit_code == 0 and list_rules() == []


def test_a_dry_run_shows_the_others_and_counts_nothing(shop: Any) -> None:
    for name, priority in (("A", 0), ("B", 3)):
        add_rule(hours(name=name, priority=priority, phrases=("hours",)), actor="test")
    add_rule(hours(name="C", phrases=("hours",), action="handoff", answer="", priority=-1), actor="test")
    said = run(shop, "test", "hours").output
    assert said.index("B would fire") < said.index("also fits: A") < said.index("also fits: C")
    long = run(shop, "test", "hours " + "and more " * 20).output
    assert "No rule fits" in long and "would fit a shorter message (up to 25 words): B" in long
    assert [rule.uses for rule in list_rules()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "X", "--phrase", "x"), "no answer"),
        (("add", "X", "--phrase", "x", "--answer", "@/no/file"), "cannot be read"),
        (("edit", "Nothing", "--priority", "1"), "no rule 'Nothing'"),
        (("show", "Nothing"), "no rule 'Nothing'"),
        (("remove", "Nothing"), "no rule 'Nothing'"),
        (("on", "Nothing"), "no rule 'Nothing'"),
        (("test", "x", "--site", "nowhere"), "No site has the key"),
        (("import", "/no/such/file.yaml"), "cannot be read"),
        (("export", "/no/such/folder/rules.yaml"), "cannot be written"),
    ],
)
def test_wrong_commands_are_told_in_a_sentence(shop: Any, arguments: tuple[str, ...], says: str) -> None:
    done = run(shop, *arguments)
    assert done.exit_code == 1 and says in done.output


# Files -------------------------------------------------------------------------------------------------------------

RULES = (
    hours(answer="Line one\n\n- **two**\n", sources=(RuleSource(title="A page", url="https://shop.example/a"),)),
    hours(name="No: 1", phrases=("yes", "no", "=1+1"), language="no", choices=("on", "off")),
    hours(name="-dash", action="handoff", answer="", match="exact", phrases=("👍", "@me"), enabled=False, priority=-2),
    hours(name="Nur de", site="shop", language="de", action="choices", answer="", choices=("Größe?",)),
)


@pytest.mark.parametrize("kind", ["yaml", "csv"])
def test_what_is_exported_can_be_imported_again(shop: Any, kind: str, tmp_path: Path) -> None:
    for rule in RULES:
        add_rule(rule, actor="test")
    before = list_rules()
    file = tmp_path / f"rules.{kind}"
    assert run(shop, "export", str(file)).exit_code == 0
    for rule in before:
        reply_rules.remove_rule(rule.name, actor="test")
    done = run(shop, "import", str(file))
    assert done.exit_code == 0 and "4 added, 0 changed, 0 as they were" in done.output, done.output
    contents = [reply_rules._content(rule) for rule in list_rules()]
    assert contents == [reply_rules._content(rule) for rule in before]
    assert "0 added, 0 changed, 4 as they were" in run(shop, "import", str(file)).output


def test_no_cell_of_an_export_is_a_formula(shop: Any) -> None:
    rules = [hours(name=f"{sign}cmd|x", phrases=(f"{sign}1",), answer=f"{sign}HYPERLINK()") for sign in "=+-@"]
    cells = [cell for row in csv.reader(io.StringIO(written(rules, "csv"))) for cell in row]
    assert [cell for cell in cells if cell[:1] in "=+-@\t" and cell and not cell.lstrip("-").isdigit()] == []
    assert {rule.name for rule in read_rules(written(rules, "csv").encode(), "csv", ()).rules} == {
        r.name for r in rules
    }


YAML = """
rules:
  - name: Good
    phrases: [hello, 42]
    answer: Hi
  - name: No phrase
    answer: Hi
  - just a text
  - {name: Wrong field, phrases: [x], answer: y, regex: true}
  - {name: A date, phrases: [x], answer: 2026-11-21}
  - {name: Good, phrases: [again], answer: Hi}
  - {name: Norwegian, phrases: x | y, answer: Hei, language: no, on: no}
  - {name: High, phrases: x, answer: y, priority: high}
"""


def test_every_bad_row_is_named_and_the_rest_is_read(shop: Any, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(YAML, "utf-8")
    checked = run(shop, "import", "--check", str(file))
    assert checked.exit_code == 1 and "2 rules could be used, 6 not" in checked.output and list_rules() == []
    done = run(shop, "import", str(file))
    assert done.exit_code == 1 and "2 added" in done.output and "6 left out" in done.output
    for where, why in (
        ("rule 2", "no phrase"), ("rule 3", "It is no rule"), ("rule 4", "no field 'regex'"), ("rule 5", "is a text, not a date"),
        ("rule 6", "further up already"), ("rule 8", "whole number"),
    ):  # fmt: skip
        assert any(line.startswith(where) and why in line for line in done.output.splitlines()), (where, done.output)
    good, norwegian = list_rules()
    assert good.phrases == ("hello", "42")
    assert (norwegian.phrases, norwegian.language, norwegian.enabled) == (("x", "y"), "no", False)


def test_a_spreadsheet_in_german_with_semicolons_is_read() -> None:
    text = '\ufeffName;Phrases;Answer;Priority\r\nZeiten;"offen|geöffnet";"Ab 9; immer";2\r\n;;;\r\nOhne;;x;\r\n'
    found = read_rules(text.encode(), "csv", ())
    assert [(rule.name, rule.phrases, rule.answer, rule.priority) for rule in found.rules] == [
        ("Zeiten", ("offen", "geöffnet"), "Ab 9; immer", 2)
    ]
    assert [(bad.where, "no phrase" in bad.why) for bad in found.bad] == [("line 4", True)]


BOMB = (
    "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "rules: *i\n"
)


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (BOMB.encode(), "yaml", "anchor or an alias"),
        (b"rules: [" + b"[" * 5_000, "yaml", "nested too deeply"),
        (b"rules:\n  - {name: x", "yaml", "no YAML"),
        (b"!!python/object/apply:os.system ['true']", "yaml", "no YAML"),
        (b"rules: 7", "yaml", "no list of rules"),
        (b"", "yaml", "no list of rules"),
        (b"\xff\xfe", "yaml", "not UTF-8"),
        (b"a\x00b", "yaml", "no YAML"),
        (b"- {name: x, phrases: 2026-99-99}", "yaml", "cannot be read"),
        (b"", "csv", "must name the columns"),
        (b"name,phrases,regex\n", "csv", "no column 'regex'"),
        (b'name,phrases\n"x' + b"y" * 200_000, "csv", "no CSV"),
        (b"x" * 20_000_001, "csv", "at most 20,000,000"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_says_why(raw: bytes, kind: str, says: str) -> None:
    with pytest.raises(UnusableFile) as unusable:
        read_rules(raw, kind, ())
    assert says in str(unusable.value) and str(unusable.value).endswith("Nothing was changed.")


def test_an_exported_file_holds_no_anchors(shop: Any) -> None:
    phrases = ("same", "words")
    text = written([hours(name="a", phrases=phrases), hours(name="b", phrases=phrases)], "yaml")
    assert "&" not in text and len(yaml.safe_load(text)["rules"]) == 2
