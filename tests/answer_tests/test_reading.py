"""Files of answer tests: everything that is wrong is named with its line, and the rest is used."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.answer_tests.outcome import Cited
from bot.answer_tests.reading import LARGEST, NoTests, read_file, read_tests
from tests.patience import patient

Write = Callable[[str, str], Path]


def problems(path: Path) -> list[tuple[int, str]]:
    return [(problem.line, problem.text) for problem in read_file(path).problems]


def test_a_whole_file_is_read(write: Write) -> None:
    path = write(
        "answers.yaml",
        """\
        site: shop
        language: de
        audience: public
        cases:
          - name: returns
            question: How do I return it?
            must_cite: [returns, [labels, printers]]
            must_say: [30 days, [free, /no cost/]]
            must_not_say: impossible
            expects_person: false
            min_confidence: 0.6
            max_cost: 0.01
          - name: a talk
            language: en
            dialogue:
              - question: Hello
                expects_person: no
              - Where is it?
            expects_person: handoff
            expects_no_answer: true
        """,
    )
    tests = read_file(path)
    assert tests.problems == ()
    one, two = tests.cases
    assert (one.site, one.language, one.line, one.id) == ("shop", "de", 5, "answers.yaml::returns")
    expected = one.steps[0].expected
    assert expected.must_cite == (("returns",), ("labels", "printers"))
    assert [[str(w) for w in group] for group in expected.must_say] == [["“30 days”"], ["“free”", "/no cost/"]]
    assert (expected.expects_person, expected.min_confidence, expected.max_cost) == ("no", 0.6, 0.01)
    assert (two.language, [step.question for step in two.steps]) == ("en", ["Hello", "Where is it?"])
    assert two.steps[0].expected.expects_person == "no"
    assert (two.steps[1].expected.expects_person, two.steps[1].expected.expects_no_answer) == ("handoff", True)


def test_a_wrong_case_is_named_and_the_others_are_used(write: Write) -> None:
    path = write(
        "answers.yaml",
        """\
        - name: good
          question: Where?
          must_say: here
        - name: bad
          question: Where?
          must_sya: here
        - name: good
          question: Again?
          must_say: here
        - name: nothing expected
          question: Where?
        - name: regex
          question: Where?
          must_say: /(unclosed/
        - name: no question
          must_say: here
        - question: no name
          must_say: here
        - name: wrong kind
          question: [a, b]
          must_say: here
        - name: wrong number
          question: Where?
          min_confidence: high
        - just text
        - name: fine
          question: Where?
          must_say: no
        """,
    )
    tests = read_file(path)
    assert [case.name for case in tests.cases] == ["good", "fine"]
    assert [str(w) for w in tests.cases[1].steps[0].expected.must_say[0]] == ["“no”"]  # not YAML's False
    found = {problem.line: problem.text for problem in tests.problems}
    assert "Did you mean must_say?" in found[6]
    assert "line 1" in found[7]
    assert "expects nothing" in found[10]
    assert "no regular expression" in found[14]
    assert "needs either a question or a dialogue" in found[15]
    assert "no name" in found[17]
    assert "question is text" in found[20]
    assert "from 0 to 1" in found[24]
    assert "a case is expected" in found[25]
    assert all(str(problem).startswith(f"{path}:{problem.line}: ") for problem in tests.problems)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- &a name: x\n", 1, "Anchors"),
        ("a: &a [x]\nb: [*a, *a]\n", 1, "Anchors"),
        ("- name: !!python/object/apply:os.system ['id']\n", 1, "Tags"),
        ("- name: x\n   question: y\n", 2, "not valid YAML"),
        ("\t- name: x\n", 1, "not valid YAML"),
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("just words\n", 1, "list"),
        ("cases: 5\n", 1, "list"),
        ("casse: []\n", 1, "Did you mean cases?"),
        ("cases: []\ncases: []\n", 2, "twice"),
        ("[" * 3_000, 1, "nested"),
        ("- name: x\n  question: y\n  must_say: '(a+)+'\n  must_not_say: /(a+)+$/\n", 4, "repeats within a repetition"),
        ("- name: x\n  question: y\n  must_say: /a*/\n", 3, "found in every text"),
        ("- name: x\n  question: y\n  must_say: ''\n", 3, "empty"),
        ("- name: x\n  question: y\n  must_say: [[]]\n", 3, "empty list"),
        ("- name: x\n  question: y\n  must_say: []\n", 3, "empty list"),
        ("- name: x\n  question: y\n  expects_no_answer: maybe\n", 3, "true or false"),
        ("- name: x\n  question: y\n  expects_person: perhaps\n", 3, "handoff"),
        ("- name: x\n  question: y\n  max_cost: .nan\n", 3, "number"),
        ("- name: x\n  question: y\n  max_cost: -1\n", 3, "number"),
        ("- name: x\n  question: y\n  must_not_say: [[a]]\n", 3, "plain list"),
        ("- name: x\n  dialogue: []\n  must_say: a\n", 2, "list of what the customer writes"),
        ("- name: " + "x" * 300 + "\n  question: y\n  must_say: a\n", 1, "200 are the most"),
        ("- name: x\n  question: " + "y" * 4_001 + "\n  must_say: a\n", 2, "4000 are the most"),
        ("- name: x\n  question: y\n  must_say: a\n  audience: internal\n", 4, "no audience internal"),
        ("knowledge: nowhere\ncases:\n- name: x\n  question: y\n  must_say: a\n", 1, "no folder nowhere"),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str) else "",
)
def test_hostile_and_broken_files_are_refused_with_a_sentence(write: Write, text: str, line: int, words: str) -> None:
    path = write("answers.yaml", "")
    path.write_text(text, "utf-8")
    began = time.monotonic()
    found = problems(path)
    assert time.monotonic() - began < patient(5)
    assert [at for at, said in found if words in said] == [line], found


def test_a_bomb_of_aliases_is_refused_before_anything_is_built(write: Write) -> None:
    rows = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    rows += [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(9)]
    began = time.monotonic()
    ((line, text),) = problems(write("answers.yaml", "\n".join(rows) + "\n"))
    assert (line, time.monotonic() - began < patient(1)) == (1, True)
    assert "Anchors" in text


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_bytes(b"- name: \xff\xfe\n")
    assert "not UTF-8" in problems(path)[0][1]
    path.write_bytes(b"x" * (LARGEST + 1))
    assert "larger than 1 MB" in problems(path)[0][1]


def test_a_folder_is_read_whole_and_one_bad_file_spoils_no_other(write: Write, tmp_path: Path) -> None:
    write("a/answers.yaml", "- {name: one, question: q, must_say: x}\n")
    write("b/shipping.answers.yml", "- {name: one, question: q, must_say: x}\n")
    write("b/bad.answers.yaml", "- [\n")
    write("b/other.yaml", "- [\n")
    write(".hidden/answers.yaml", "- [\n")
    tests = read_tests(tmp_path)
    assert [case.id for case in tests.cases] == ["a/answers.yaml::one", "b/shipping.answers.yml::one"]
    assert [problem.file.name for problem in tests.problems] == ["bad.answers.yaml"]


def test_a_place_without_tests_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoTests, match="has no answer tests"):
        read_tests(tmp_path)
    with pytest.raises(NoTests, match="is not there"):
        read_tests(tmp_path / "nothing.yaml")


def test_an_article_is_known_by_its_file_name_without_the_ending_wherever_it_came_from() -> None:
    cited = Cited(title="Returning goods", path="help/Rueckgabe.md")
    assert cited.called("rueckgabe")
    assert cited.called("help/Rueckgabe.md")
    assert not cited.called("help")
    assert not Cited(title="Returning goods").called("")
