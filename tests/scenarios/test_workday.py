"""A day of three agents and sixty conversations in Slack: everything by the rules, everything once, with one restart in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import clock
from bot.store import read, sql
from tests.commanding import command
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import text_of
from tests.patience import wait_for
from tests.running import Deskhand
from tests.scenarios.cases import AGENTS, CANNED, FALLBACK, PLACES, TEAMS, Case, cases
from tests.scenarios.workday import Office
from tests.slack_words import told

SEED, TICKETS, MORNING, ALONE = 6, 42, 24, 18
"""Sixty customers. Those of the last kind are helped by the AI alone."""


OFFERED = "SELECT DISTINCT a.name FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.at > ?"


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.space.add_user("U3", "cleo")
        for place in (FALLBACK, *PLACES.values()):
            fake.space.add_channel(place, place.lower())
        fake.sockets.retries = (0.3, 1.0, 3.0)
        fake.sockets.twins = 0.1
        yield fake


@pytest.fixture
def product(deskhand: Callable[..., Deskhand], slack: FakeSlack) -> Deskhand:
    return deskhand(
        SLACK_BOT_TOKEN=slack.space.bot_token,
        SLACK_APP_TOKEN=slack.space.app_token,
        SLACK_CHANNEL=FALLBACK,
        DESKHAND_SLACK_API_URL=slack.url,
        DESKHAND_MESSAGES_PER_MINUTE="1000",
        DESKHAND_SESSIONS_PER_MINUTE="1000",
    )


@pytest.fixture
def desk(product: Deskhand, environment: Callable[..., None]) -> Iterator[Callable[..., str]]:
    """Runs commands on the database of the product, which this process reads as well."""
    from bot import accounts, crypto, deliver, store

    for forget in (accounts.forget_sites, crypto.forget_keys, deliver.forget_declarations):
        forget()
    url = product.env.get("DATABASE_URL") or f"sqlite:///{product.data / 'deskhand.sqlite3'}"
    environment(DATABASE_URL=url, DESKHAND_DATA=str(product.data), REDIS_URL="none")
    store.open_database(url)

    def run(*words: str) -> str:
        done = command(store, *words)
        assert done.exit_code == 0, f"{words}: {done.output}"
        return done.output

    yield run
    store.close_database()
    environment(DATABASE_URL=None, DESKHAND_DATA=None, REDIS_URL=None)


def open_the_house(desk: Callable[..., str], slack: FakeSlack) -> None:
    """What an admin sets before the day."""
    for name, user in AGENTS.items():
        desk(
            "agents",
            "add",
            name,
            "--slack",
            f"{slack.space.team}:{user}",
            "--role",
            "owner" if name == "ana" else "agent",
        )
    desk("site", "add", "Outlet", "--key", "outlet")
    rules = {
        "refunds": ("words=money back", "agents=ana,ben", "assign=round-robin"),
        "damage": ("words=damaged, broken",),
        "german": ("language=de", "agents=cleo", "assign=round-robin", "mention=none"),
        "french": ("language=fr",),
        "outlet": ("site=outlet", "mention=none"),
    }
    for name, conditions in rules.items():
        desk("routing", "add", name, f"place={PLACES[name]}", *conditions)
    desk("routing", "settings", "capacity=20", "lapse=30")
    desk("targets", "set", "normal", "first-reply", "30m", "resolve", "8h")
    desk("targets", "set", "urgent", "first-reply", "10m", "resolve", "2h")
    desk("canned", "add", "refund", "--title", "Refund", "--text", CANNED)
    for place in (FALLBACK, *PLACES.values()):
        desk("agents", "mode", "slack", place, "gated" if place == PLACES["damage"] else "direct")
    for user in AGENTS.values():
        slack.home(user)
    said = told(slack, "U2", "/desk notify assignment=direct mention=direct quiet=off", FALLBACK)
    assert "Saved" in text_of(said) or "Saved" in str(said), said


def test_a_day_in_slack(product: Deskhand, slack: FakeSlack, desk: Callable[..., str]) -> None:
    open_the_house(desk, slack)
    office = Office(slack, product.base_url)
    day = cases(SEED, TICKETS)
    alone = [
        Case(number=1_000 + n, rule="", claim="", answer="", extra="", close="", who="", socket=False) for n in range(ALONE)
    ]  # fmt: skip
    with office.closing:
        morning = {str(case): office.work(case) for case in day[:MORNING]}
        morning |= {f"alone {case.number}": office.ask_the_ai(case) for case in alone}
        parked = sum(case.extra == "asleep" for case in day[:MORNING])
        office.run(morning, enough=lambda: len(morning) <= parked + 2 and len(office.asleep) == parked)
        queue = text_of(told(slack, "U1", "/desk queue", FALLBACK))
        mine = [case for case in office.asleep if case.owner == "ana"]
        assert mine and all(f"#{office.seen.numbers[case.conversation]} " in queue for case in mine), queue

        # Everybody's processes are started again while some are in mid-sentence, and agents go on writing.
        old = product.pids()
        assert product.stop() == 0
        office.write_to_nobody()
        product.start()
        assert not set(old.values()) & set(product.pids().values())
        office.come_back()
        office.awake = True
        slack.wait(lambda: slack.sockets.open, 20)
        gone = clock.now()
        assert "away" in text_of(told(slack, "U2", "/desk status away", FALLBACK))

        afternoon = morning | {str(case): office.work(case) for case in day[MORNING:]}
        office.run(afternoon)
        wait_for(lambda: settled() and all(done(slack, office, case) for case in day), 90, "the last cards")
        office.hear()

        for case in day:
            check_ticket(office, case)
            check_customer(office, case)
        check_alone(alone)
        asked = read(lambda: sql(OFFERED, (gone,)).fetchall())
        assert {row[0] for row in asked} == {"ana", "cleo"}, "who is away is asked nothing"
        assert "You are back" in text_of(told(slack, "U2", "/desk status available", FALLBACK))
        check_notifications(slack, office)
        check_limits(slack)


def settled() -> bool:
    """Nothing is on its way any more."""
    query = "SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending', 'uncertain')"
    return read(lambda: sql(query).fetchone()[0]) == 0


def done(slack: FakeSlack, office: Office, case: Case) -> bool:
    """The card says how it ended."""
    return "resolved" in text_of(slack.space.message(*office.seen.threads[case.conversation])).lower()


def check_ticket(office: Office, case: Case) -> None:
    """Where the rules put it, with whom they allow, answered and resolved."""
    place, root = office.seen.threads[case.conversation]
    assert place == PLACES.get(case.rule, FALLBACK), f"{case} is in {place}"
    roots = [message for message in office.slack.space.messages(place) if message["ts"] == root]
    assert len(roots) == 1, f"{case}: one thread"
    row = read(
        lambda: sql(
            "SELECT t.state, t.last_agent, t.first_reply_at, t.resolved_at, t.first_reply_breached_at, t.priority, t.number,"
            " (SELECT count(*) FROM ticket_event e WHERE e.ticket_id = t.id AND e.event = 'resolved') FROM ticket t"
            " WHERE t.conversation_id = ?",
            (case.conversation,),
        ).fetchone()
    )
    state, agent, replied, resolved, late, priority, _number, times = row
    assert (state, agent, late, times) == ("resolved", case.owner, None, 1), str(case)
    assert (
        replied is not None and replied <= resolved and priority == ("urgent" if case.extra == "priority" else "normal")
    )
    offers = read(
        lambda: sql(
            "SELECT a.name, o.state FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.conversation_id = ?", (case.conversation,)
        ).fetchall()
    )  # fmt: skip
    allowed = TEAMS.get(case.rule, ())
    assert {name for name, _ in offers} <= set(allowed) and bool(offers) == bool(allowed), str(case)
    assert [state for _, state in offers].count("open") == 0


def check_customer(office: Office, case: Case) -> None:
    """Every word of an agent, once and in order; notes and commands never."""
    said = read(
        lambda: [
            row[0]
            for row in sql(
                "SELECT body FROM message WHERE conversation_id = ? AND author = 'agent' ORDER BY seq", (case.conversation,)
            ).fetchall()
        ]
    )  # fmt: skip
    assert said == case.expected and said, f"{case}: {said}"
    customer = office.customers.get(case.number)
    if customer is not None:
        shown = sorted((m for m in customer.messages.values() if m["author"] == "agent"), key=lambda m: m["seq"])
        assert [message["text"] for message in shown] == case.expected, str(case)
        assert "do you know" not in str(customer.messages)


def check_alone(alone: list[Case]) -> None:
    """Whom the AI helped needed nobody."""
    for case in alone:
        rows = read(
            lambda case=case: sql("SELECT 1 FROM ticket WHERE conversation_id = ?", (case.conversation,)).fetchall()
        )  # type: ignore[misc]
        assert case.done and rows == []


def check_notifications(slack: FakeSlack, office: Office) -> None:
    """Every row that was told is one message, every message is of one row, and everything that had to be told has a row."""
    rows = read(
        lambda: sql(
            "SELECT a.name, n.kind, n.conversation_id, n.state, n.direct_at, n.occasion, n.read_at FROM notification n JOIN agent a ON a.id = n.agent_id"
            " WHERE n.folded = ''"
        ).fetchall()
    )  # fmt: skip
    assert {row[3] for row in rows} <= {"posted", "moot"}
    assert all(row[4] for row in rows if row[3] == "posted"), "told, and it is written down when"
    assert all(row[6] for row in rows), "by the button under it, or by what its agent did there"
    known = Counter((name, kind, conversation) for name, kind, conversation, *_ in rows)
    assert Counter(office.expected) - known == Counter(), "nothing is missing"
    offers = read(lambda: {f"offer/{row[0]}" for row in sql("SELECT id FROM agent_offer").fetchall()})
    assert offers == {row[5] for row in rows if row[5].startswith("offer/")}
    others = [row for row in rows if not row[5].startswith("offer/")]
    assert Counter((row[0], row[1], row[2]) for row in others) == Counter(office.expected), (
        "and nothing is told besides"
    )
    sent = read(
        lambda: sql(
            "SELECT key FROM delivery WHERE op = 'direct' AND channel = 'desk:slack' AND state = 'sent'"
        ).fetchall()
    )
    shown = [message["metadata"]["event_payload"]["k"] for user in AGENTS.values() for message in slack.directs(user)]
    assert sorted(shown) == sorted(row[0] for row in sent), "each once in Slack, and each that is there is known"
    posts = read(lambda: sql("SELECT count(*) FROM notification_post WHERE state = 'sent'").fetchone()[0])
    assert posts == len(shown) == sum(row[3] == "posted" for row in rows)


def check_limits(slack: FakeSlack) -> None:
    """What Slack counts."""
    fast: list[dict[str, Any]] = slack.space.noted("too_fast") + slack.space.noted("429")
    assert fast == [], Counter((one["method"], one.get("channel")) for one in fast)
    refused = [one for one in slack.space.noted("refused") if one["error"] != "no_reaction"]
    assert refused == [], (
        "every view and message was as Slack takes it; a mark may be taken away that a restart has forgotten"
    )
