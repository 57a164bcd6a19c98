"""Whatever the core puts on a page: Slack takes it, people see foreign text exactly, and what does not fit says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot import Action, Choice, Confirm, Field, Heading, Option, Page, Press, Presses, Row, Rule, Words
from channels.slack.carried import OnPage, TooMuch, filled_in, read_carried, read_metadata
from channels.slack.controls import read_choice
from channels.slack.pages import home_view, message_blocks, modal_view, page_text
from tests.fakes.slack_limits import wrong_blocks, wrong_view
from tests.fakes.slack_visits import controls, state_of, text_of

HOSTILE = [
    "", " ", "<!channel> <@U1> <https://evil.example|Slack>", "*bold* _it_ `code` ~no~ :tada:", "&amp; & < >", "\u202egnp.exe", "a\x00b",
    "👩‍👩‍👧‍👦" * 40, "x" * 20_000, "line\n" * 900, "”“ \\ \" '", "一" * 5_000, "﷽" * 200,
]  # fmt: skip
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=80))
NAMES = st.from_regex(r"[a-z]{1,12}", fullmatch=True)
VALUES = st.text(max_size=60)
CONFIRM = st.none() | st.builds(Confirm, title=TEXT, text=TEXT, yes=TEXT, no=TEXT)
WHAT = st.builds(lambda a, b: f"{a}.{b}", NAMES, NAMES)
COMMON: dict[str, Any] = {
    "label": TEXT, "style": st.sampled_from(["", "primary", "danger"]), "confirm": CONFIRM, "spoken": TEXT,
    "conversation_id": st.sampled_from(["", "0193-" + "c" * 31]),
}  # fmt: skip
PRESS = st.one_of(
    st.builds(Press, what=WHAT, value=VALUES, **COMMON),
    st.builds(Press, opens=WHAT, value=VALUES, **COMMON),
    st.builds(Press, action=st.sampled_from(list(Action)), **COMMON),
    st.builds(Press, url=st.just("https://acme.example/archives/C1/p1"), **COMMON),
)
OPTION = st.builds(Option, value=st.text(max_size=100), label=TEXT, note=TEXT)
OPTIONS = st.lists(OPTION, max_size=12).map(tuple) | st.just(tuple(Option(str(n), f"No {n}") for n in range(150)))
LIVE = st.builds(
    Choice, name=NAMES, label=TEXT, options=OPTIONS, chosen=st.lists(st.text(max_size=3), max_size=3).map(tuple), many=st.booleans(),
    what=WHAT, search=st.booleans(), optional=st.booleans(), hint=TEXT,
)  # fmt: skip
FILLED = st.builds(
    Choice,
    name=NAMES,
    label=TEXT,
    options=OPTIONS,
    many=st.booleans(),
    search=st.booleans(),
    optional=st.booleans(),
    hint=TEXT,
)
FIELD = st.builds(
    Field, name=NAMES, label=TEXT, value=st.sampled_from([*HOSTILE, "2026-11-21", "2026-02-31", "T1:U1"]), hint=TEXT,
    kind=st.sampled_from(["line", "text", "person", "day"]), longest=st.sampled_from([1, 200, 3_000, 9_999]), optional=st.booleans(),
    edition=st.sampled_from(["", "2"]),
)  # fmt: skip
SHOWN = st.one_of(
    st.builds(Heading, TEXT),
    st.builds(Words, TEXT, st.sampled_from(["plain", "markdown", "quiet", "quote"])),
    st.builds(
        Row, title=TEXT, text=TEXT, quiet=TEXT, presses=st.lists(PRESS, max_size=3).map(tuple), menu=st.lists(PRESS, max_size=7).map(tuple)
    ),
    st.builds(Presses, st.lists(PRESS, max_size=30).map(tuple)),
    st.just(Rule()),
    LIVE,
)  # fmt: skip
SENT = st.one_of(SHOWN, FIELD, FILLED)
usual = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def parts_of(kinds: Any) -> Any:
    return st.lists(kinds, max_size=8).flatmap(
        lambda some: st.sampled_from([tuple(some), tuple(some) * 30]) if some else st.just(())
    )


def checked_by_the_sdk(view: dict[str, Any]) -> None:
    made = View(**{key: value for key, value in view.items() if key != "type"}, type=view["type"])
    made.validate_json()
    assert len(made.blocks or []) == len(view["blocks"]), "the SDK knows every block"
    for block in view["blocks"]:
        parsed = Block.parse(block)
        assert parsed is not None, block
        parsed.validate_json()


def told_apart(view: dict[str, Any]) -> None:
    ids = [one["block_id"] for one in view["blocks"] if "block_id" in one]
    assert len(ids) == len(set(ids))
    actions = [one["action_id"] for one in controls(view) if one["type"] == "button"]
    assert len(actions) == len(set(actions))


@usual
@given(TEXT, parts_of(SHOWN), TEXT)
def test_any_inbox_is_one_that_slack_takes(title: str, parts: Any, said: str) -> None:
    view = home_view(Page(name="inbox", kind="home", title=title, parts=parts, value="t" * 200), said)
    assert wrong_view(view, "home") == ""
    checked_by_the_sdk(view)
    told_apart(view)
    assert '"mrkdwn"' not in json.dumps(view), "nothing is read as Slack's own syntax"


@usual
@given(TEXT, parts_of(SENT), TEXT)
def test_any_form_is_one_that_slack_takes(title: str, parts: Any, submit: str) -> None:
    page = Page(
        name="x.form",
        kind="form",
        title=title,
        parts=parts,
        submit=submit or "Send",
        what="x.do",
        conversation_id="c" * 36,
    )
    view = modal_view(page, "C0SUPPORT", "1700000000.000100")
    assert wrong_view(view) == ""
    checked_by_the_sdk(view)
    told_apart(view)
    assert '"mrkdwn"' not in json.dumps(view)
    state_of(view, {}, whole=False)


@usual
@given(TEXT, parts_of(SHOWN))
def test_any_aside_is_one_that_slack_takes(title: str, parts: Any) -> None:
    page = Page(name="x.aside", kind="aside", title=title, parts=parts, conversation_id="c" * 36)
    blocks = message_blocks(page)
    assert wrong_blocks(blocks) == "" and 1 <= len(page_text(page)) <= 3_000
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None, block
        parsed.validate_json()
    for one in controls({"blocks": blocks}):
        if not one["action_id"].startswith("link:"):
            carried = read_carried(one.get("value") or one["selected_option"]["value"])
            assert carried is not None and carried.page is not None and carried.page.name == "x.aside"
            assert carried.conversation


def test_thirty_rows_with_buttons_and_a_menu_fit_on_a_page_and_what_does_not_says_so() -> None:
    row = Row(
        title="<!channel>", text="it *broke*", quiet="2 h", presses=(Press(label="Claim", what="inbox.claim", value="1"),),
        menu=(Press(label="Later", what="inbox.later"), Press(label="Tags", opens="inbox.tags")),
    )  # fmt: skip
    view = home_view(Page(name="inbox", kind="home", title="Ana", parts=(Heading("Mine"), *(row,) * 30)))
    assert len(view["blocks"]) == 62 and "cut" not in text_of(view)
    assert text_of(view).count("<!channel>") == 30, "shown exactly"
    view = home_view(Page(name="inbox", kind="home", title="Ana", parts=(row,) * 80))
    assert (
        len(view["blocks"]) <= 100
        and text_of(view["blocks"][-1]) == "… cut: 32 more parts of this page do not fit in here."
    )
    long = Page(name="x.a", kind="aside", parts=(Words("é" * 30_000), Words("z" * 9_000), *(Words("y" * 9_000),) * 3))
    seen = text_of({"blocks": message_blocks(long)})
    assert (
        seen.count("é") > 8_000 and "é … cut" in seen and seen.endswith("more parts of this page do not fit in here.")
    )


def test_a_menu_of_one_is_a_button_and_so_is_what_asks_first_or_carries_too_much() -> None:
    sure = Confirm(title="Sure?", text="It is gone then.", yes="Remove")
    one = Row(title="a", menu=(Press(label="Only", what="x.only"),))
    asks = Row(
        title="b",
        menu=(
            Press(label="First", what="x.a"), Press(label="Remove", what="x.b", confirm=sure), Press(label="Long", what="x.c", value="v" * 200),
            Press(label="Last", what="x.d"),
        ),
    )  # fmt: skip
    view = home_view(Page(name="x", kind="home", parts=(one, asks)))
    kinds = {found["label"]: found["type"] for found in controls(view)}
    assert kinds == {"Only": "button", "First": "overflow", "Remove": "button", "Long": "button", "Last": "overflow"}
    (remove,) = [e for b in view["blocks"] if b["type"] == "actions" for e in b["elements"] if "confirm" in e]
    assert remove["confirm"]["deny"]["text"] == "Cancel"


def test_a_field_shows_a_new_value_when_its_edition_moves_and_keeps_what_was_typed_when_not() -> None:
    def block(**more: Any) -> dict[str, Any]:
        page = Page(
            name="x.f", kind="form", submit="Go", parts=(Field(name="text", label="Text", kind="text", **more),)
        )
        return dict(modal_view(page)["blocks"][0])

    assert block(value="a")["block_id"] == block(value="b")["block_id"] != block(value="b", edition="2")["block_id"]
    cut = block(value="x" * 4_000, longest=9_000)
    assert len(cut["element"]["initial_value"]) == 3_000 and cut["hint"]["text"].startswith("Cut: 4000 characters")
    live = [
        modal_view(Page(name="x.f", kind="form", submit="Go", parts=(Choice(name="c", label="C", options=(Option("a", "A"),), chosen=chosen, what="x.c"),)))
        for chosen in ((), ("a",))
    ]  # fmt: skip
    assert live[0]["blocks"][0]["block_id"] != live[1]["blocks"][0]["block_id"], "shown as the core knows it"
    assert read_choice(live[0]["blocks"][0]["block_id"])[0] == "x.c" and live[0]["blocks"][0]["dispatch_action"]


def test_what_was_filled_in_is_read_by_name() -> None:
    parts = (
        Field(name="subject", label="S", value="A:b,c"), Field(name="who", label="W", kind="person", value="T1:U2"),
        Field(name="on", label="D", kind="day", value="2026-11-21"),
        Choice(name="urgency", label="U", options=(Option("", "None"), Option("high", "High")), chosen=("",)),
        Choice(name="tags", label="T", many=True, options=(Option("a", "A"), Option("b", "B")), chosen=("a", "b")),
        Choice(name="found", label="F", search=True, optional=True),
    )  # fmt: skip
    view = modal_view(Page(name="x.f", kind="form", submit="Go", parts=parts))
    told = filled_in(state_of(view, {}, whole=True))
    assert told == {"subject": "A:b,c", "who": "U2", "on": "2026-11-21", "urgency": "", "tags": "a,b", "found": ""}


def test_where_a_form_was_opened_comes_back_with_it_and_too_much_is_refused_where_it_is_made() -> None:
    on = OnPage(name="ticket.make", value="“x”", conversation="c1", what="ticket.send", place="C1", thread="1.2")
    assert read_metadata(on.metadata()) == on
    with pytest.raises(TooMuch, match=r"the page ticket\.make carries"):
        modal_view(Page(name="ticket.make", kind="form", value='"' * 1_500))
    with pytest.raises(TooMuch, match="the button 'A'"):
        home_view(Page(name="x", kind="home", parts=(Presses((Press(label="A", what="x.a", value="v" * 2_000),)),)))
    with pytest.raises(TooMuch, match="an entry of a list"):
        modal_view(
            Page(
                name="x",
                kind="form",
                submit="S",
                parts=(Choice(name="c", label="C", options=(Option("v" * 150, "V"),)),),
            )
        )
    with pytest.raises(ValueError, match="nothing sends it"):
        modal_view(Page(name="x", kind="form", parts=(Field(name="f", label="F"),)))
    with pytest.raises(ValueError, match="leads nowhere"):
        home_view(Page(name="x", kind="home", parts=(Presses((Press(label="A", url="javascript:alert(1)"),)),)))
    with pytest.raises(ValueError, match="does nothing"):
        home_view(Page(name="x", kind="home", parts=(Presses((Press(label="A"),)),)))


@pytest.mark.parametrize("text", ["", "null", "[]", "nonsense", "claim|c|t|v", '{"a": "destroy"}'])
def test_controls_of_others_mean_nothing(text: str) -> None:
    carried = read_carried(text)
    assert carried is None or not (carried.what or carried.opens or carried.action)
