"""Finding personal data: what is found, what stays, and that no text takes long or breaks it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

from bot.number_shapes import CARD_LENGTHS, cards, ibans
from bot.own_patterns import own_patterns
from bot.personal_data import CARD, EXTRA, USUAL, Detector, PatternsTooSlow, mask_line, plain
from tests.bench.shield import HARD

USUAL_ONE = Detector()
ALL = Detector((*USUAL, *EXTRA))


def found(text: str, detector: Detector = USUAL_ONE) -> list[tuple[str, str]]:
    text = plain(text)
    return [(one.kind, text[one.start : one.end]) for one in detector.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to anna@example.com.", [("EMAIL", "anna@example.com")]),
        ("ANNA.B+x@mail.example.co.uk!", [("EMAIL", "ANNA.B+x@mail.example.co.uk")]),
        ("ａｎｎａ．ｂ＠ｅｘａｍｐｌｅ．ｃｏｍ", [("EMAIL", "ａｎｎａ．ｂ＠ｅｘａｍｐｌｅ．ｃｏｍ")]),
        ("jörg@straße.example", [("EMAIL", "jörg@straße.example")]),
        ("'anna@example.com', **ben@example.com**", [("EMAIL", "anna@example.com"), ("EMAIL", "ben@example.com")]),
        ("https://x.example/?u=anna@example.com", [("EMAIL", "anna@example.com")]),
        ("anna (at) example (dot) com", [("EMAIL", "anna (at) example (dot) com")]),
        ("https://x.example/?u=anna%40example.com", [("EMAIL", "anna%40example.com")]),
        ("an\u200bna@exam\u00adple.com", [("EMAIL", "anna@example.com")]),
        ("an\ufe00\ufe00na@example.com", [("EMAIL", "anna@example.com")]),
        ("call +49 171 1234567 today", [("PHONE", "+49 171 1234567")]),
        ("0049 30 901820", [("PHONE", "0049 30 901820")]),
        ("my number: (202) 555-0123", [("PHONE", "(202) 555-0123")]),
        ("phone 2025550123", [("PHONE", "2025550123")]),
        ("01 42 68 53 00", [("PHONE", "01 42 68 53 00")]),
        ("030 1234567 or 030 7654321", [("PHONE", "030 1234567"), ("PHONE", "030 7654321")]),
        ("4111 1111 1111 1111", [("CARD", "4111 1111 1111 1111")]),
        ("card:4111-1111-1111-1111 12/27", [("CARD", "4111-1111-1111-1111")]),
        ("3782 822463 10005", [("CARD", "3782 822463 10005")]),
        ("4\u200d111111111111111", [("CARD", "4111111111111111")]),
        ("４１１１ １１１１ １１１１ １１１１", [("CARD", "４１１１ １１１１ １１１１ １１１１")]),
        ("41111111111111111227", [("CARD", "4111111111111111")]),
        ("IBAN DE89 3704 0044 0532 0130 00, please", [("IBAN", "DE89 3704 0044 0532 0130 00")]),
        ("gb82west12345698765432", [("IBAN", "gb82west12345698765432")]),
        ("key sk-ant-api03-abcdefghijkl", [("KEY", "sk-ant-api03-abcdefghijkl")]),
        ("sk_live_abcdefghijkl1234", [("KEY", "sk_live_abcdefghijkl1234")]),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", [("KEY", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc")]),
        ("password: hunter2!", [("KEY", "hunter2!")]),
        ("CVC: 123", [("KEY", "123")]),
        ("a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3", [("KEY", "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3")]),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", [("KEY", "-----BEGIN RSA PRIVATE KEY-----\nMIIE")]),
    ],
)
def test_what_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How long does shipping take to Poland?",
        "order 4711234567 of 2026-11-21 for 1.299,00 €",
        "ticket #1042, article 12345678",
        "07.12.2026 14:30, 12/27",
        "4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 02",
        "019f2c4a-7b7a-7e3e-9f2a-0123456789ab",
        "a@b, x @ y, @anna",
        "my password is wrong",
        "sk-etch and pk-zip",
        "https://shop.example/how-to-return-a-product-within-30-days-of-2026",
    ],
)
def test_what_stays(text: str) -> None:
    assert found(text) == []


def test_extras_are_found_when_they_are_wanted() -> None:
    text = "from 192.168.1.17 or 2001:db8::1, 536-90-4399, at 12:30"
    assert [kind for kind, _ in found(text, Detector(EXTRA))] == ["IP", "IP", "ID"]
    assert found("86 095 742 719", Detector(["ID"])) == [("ID", "86 095 742 719")]


def test_what_overlaps_is_one_of_the_surer_kind() -> None:
    own = Detector(USUAL, patterns=own_patterns({"customer": r"KD-\d{6}"}))
    assert found("KD-123456@example.com", own) == [("CUSTOMER", "KD-123456@example.com")]
    assert found("sk-abcdefghijklmnop@example.com") == [("KEY", "sk-abcdefghijklmnop@example.com")]


def test_masking_leaves_plain_words() -> None:
    own = Detector(USUAL, patterns=own_patterns({"customer no": r"KD-\d{6}"}))
    assert own.mask("I am anna@example.com, KD-123456.") == "I am (e-mail address), (customer no)."


GAPS = st.sampled_from(["", " ", "-", " - ", "\u00a0", "."])


@given(
    st.integers(min_value=10**11, max_value=10**17 - 1),
    st.sampled_from("23456"),
    st.lists(GAPS, min_size=20, max_size=20),
)
def test_every_number_with_luhns_digit_is_a_card_however_it_is_written(body: int, first: str, gaps: list[str]) -> None:
    number = f"{first}{body}"
    number += luhn.calc_check_digit(number)
    written = "".join(digit + gap for digit, gap in zip(number, gaps, strict=False)).rstrip(" -.\u00a0")
    text = f"it is {written} ok"
    assert len(number) in CARD_LENGTHS
    spans = list(cards(text))
    covered = "".join(text[start:end] for start, end in spans)
    assert sum(map(str.isdigit, covered)) >= 13, (text, covered)


@given(st.sampled_from(["DE", "GB", "FR", "NL", "PL", "MT"]), st.data())
def test_accounts_are_found_as_the_library_knows_them(country: str, data: st.DataObject) -> None:
    length = {"DE": 22, "GB": 22, "FR": 27, "NL": 18, "PL": 28, "MT": 31}[country]
    body = data.draw(st.text("0123456789", min_size=length - 4, max_size=length - 4))
    number = iban.calc_check_digits(f"{country}00{body}")
    whole = f"{country}{number}{body}"
    text = f"to {iban.format(whole)} please"
    assert [text[start:end].replace(" ", "") for start, end in ibans(text)] == [whole]


ALPHABET = st.text(st.sampled_from("0123456789 +-()/.@%_:#aAeEsSkKDEXx[]{}\n\u200d⟦⟧４￼é:,="), max_size=300) | st.text(
    max_size=200
)


@settings(max_examples=300)
@given(ALPHABET)
def test_whatever_the_text_the_findings_are_in_order_and_inside(text: str) -> None:
    text = plain(text)
    at = 0
    for one in ALL.find(text):
        assert at <= one.start < one.end <= len(text)
        at = one.end
    mask_line(text, "-")


@settings(max_examples=200)
@given(ALPHABET, ALPHABET, st.sampled_from(["4111 1111 1111 1111", "anna@example.com", "DE89370400440532013000"]))
def test_a_value_is_hidden_whatever_stands_around_it(before: str, after: str, value: str) -> None:
    assert value not in ALL.mask(f"{before} {value} {after}")


@pytest.mark.parametrize("name", HARD)
def test_no_text_is_slow(name: str) -> None:
    """40 ms is the goal of the bench for 10 KB, at about 15 measured; here only what would be another order is caught."""
    text = HARD[name][:10_000]
    USUAL_ONE.find(text[:500])
    begun = time.thread_time()
    USUAL_ONE.find(plain(text))
    assert time.thread_time() - begun < 0.2


@pytest.mark.parametrize("name", ["one letter", "at signs", "labels", "single digits", "tokens", "signs", "accounts"])
def test_twice_the_text_takes_about_twice_the_time(name: str) -> None:
    def seconds(text: str) -> float:
        taken = []
        for _ in range(3):
            begun = time.thread_time()
            USUAL_ONE.find(text)
            taken.append(time.thread_time() - begun)
        return min(taken)

    once, eight = seconds(HARD[name]), seconds(HARD[name] * 8)
    assert eight < max(20 * once, 0.05)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+b", "repeats without an end"),
        (r"\d*", "repeats without an end"),
        (r"(a?){30}a{30}", "too many ways"),
        (r"(ab|a|b){5,9}ccc", "too many ways"),
        (r"(\d)\1{5}", "refers to what it found"),
        (r"\d{0,6}", "nothing at all"),
        ("ab?", "only 1 characters"),
        (r"\w{3,20}", "ordinary words"),
        (".{200,290}", "ordinary words"),
        ("[", "not a regular expression"),
        ("x" * 201, "201 characters"),
        ("", "0 characters"),
        (r"[0-9]{500}", "repeats without an end"),
        (r"(?P<x>\d{4})-(?(x)\d|a)bbb", "refers to"),
    ],
)
def test_a_pattern_that_could_be_slow_or_senseless_is_refused_with_a_sentence(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        own_patterns({"mine": pattern})
    assert "mine" in str(refused.value)


@pytest.mark.parametrize("name", ["", "1a", "a1", "EMAIL", "x" * 30, "a b\n"])
def test_a_pattern_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        own_patterns({name: "KD-12345"}, taken=frozenset(USUAL))


@pytest.mark.parametrize(
    "pattern", [r"KD-\d{6}", r"(?i)\bcustomer\s{0,3}(?:no|number)\.?\s{0,3}\d{4,12}\b", r"(?<!\d)\d{9}(?!\d)"]
)
def test_ordinary_patterns_are_taken_and_fast(pattern: str) -> None:
    detector = Detector((), patterns=own_patterns({"mine": pattern}))
    begun = time.thread_time()
    for text in HARD.values():
        detector.find(text)
    assert time.thread_time() - begun < 2


def test_patterns_that_take_too_long_are_an_error_and_not_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.personal_data.PATTERN_SECONDS", -1.0)
    with pytest.raises(PatternsTooSlow):
        Detector((CARD,), patterns=own_patterns({"mine": r"KD-\d{6}"})).find("KD-123456")
