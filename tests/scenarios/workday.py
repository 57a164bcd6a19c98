"""A day of agents in Slack, written as scripts that run side by side: each conversation is one, and waits for what it needs to see."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed

from bot import clock
from bot.messages import Inbound, Profile, Receipt
from bot.receive import receive
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import controls, labels, text_of
from tests.patience import patient
from tests.scenarios.cases import AGENTS, CANNED, QUESTION, TEAMS, WORDS, Case
from tests.scenarios.seen import Seen
from tests.scenarios.talking import Customer

AGAIN = 6.0
"""Seconds after which a person presses once more what had no effect: Slack repeats no press that it could not bring."""
PATIENCE = 90.0
Script = Iterator[Callable[[], Any]]


class Office:
    """Agents and customers of one day. ``expected`` is who has to be told what, as ``(agent, kind, conversation)``."""

    def __init__(self, slack: FakeSlack, base_url: str) -> None:
        self.slack, self.base_url = slack, base_url
        self.seen = Seen()
        self.customers: dict[int, Customer] = {}
        self.expected: list[tuple[str, str, str]] = []
        self.asleep: list[Case] = []
        """Claimed, and to be answered while Deskhand is not there."""
        self.awake = False
        self.closing = contextlib.ExitStack()

    # Customers ------------------------------------------------------------------------------------------------------

    def says(self, case: Case, text: str) -> None:
        """The customer writes: over their socket, or as a channel brings it."""
        if case.number in self.customers:
            self.customers[case.number].say(text)
            return
        site, language, _ = WORDS[case.rule]
        profile = Profile(name=f"Customer {case.number}", language=language)
        got = self._bring(case, text, "message", site, profile)
        case.conversation = case.conversation or got.conversation_id

    def _bring(self, case: Case, text: str, kind: Any, site: str, profile: Profile) -> Receipt:
        event = Inbound(
            channel="widget", key=clock.new_id(), external_id=f"day-{case.number}", place=f"room-{case.number}", text=text, kind=kind,
            site=site, profile=profile,
        )  # fmt: skip
        (got,) = receive([event])
        assert isinstance(got, Receipt), got
        return got

    def asks_for_people(self, case: Case) -> Script:
        """The first words, and the wish for a person."""
        site, _, words = WORDS[case.rule]
        text = words.format(4_000 + case.number)
        if case.socket:
            customer = Customer(self.base_url, site=site)
            self.customers[case.number] = self.closing.enter_context(customer)
            customer.say(text)
            case.conversation = customer.conv
            yield customer.answers
            customer.tell({"t": "handoff", "cid": f"{case.number:032x}", "conv": customer.conv})
        else:
            self.says(case, text)
            self._bring(case, "", "handoff", site, Profile())

    def hear(self) -> None:
        """Every socket reads what is there."""
        for customer in self.customers.values():
            with contextlib.suppress(ConnectionClosed):
                while self._one(customer):
                    pass

    def _one(self, customer: Customer) -> bool:
        before = len(customer.frames)
        customer._read(0.0005)
        return len(customer.frames) > before

    def come_back(self) -> None:
        """Every widget connects again."""
        for customer in self.customers.values():
            customer.open()

    # Agents ---------------------------------------------------------------------------------------------------------

    def work(self, case: Case) -> Script:
        """The whole life of one conversation."""
        yield from self.asks_for_people(case)
        yield lambda: case.conversation in self.seen.threads
        place, root = self.seen.threads[case.conversation]
        yield from self._claim(case, place, root)
        yield from self._extra(case, place, root)
        if case.extra == "asleep":
            self.asleep.append(case)
            yield lambda: self.awake and case.expected[-1] in self.seen.said.get(case.conversation, ())
        else:
            yield from self._answer(case, place, root, f"This is the answer to {4_000 + case.number}.")
        if case.extra == "second":
            self.says(case, f"And one more thing about {4_000 + case.number}")
            yield lambda: self._shows(place, root, "And one more thing")
            yield from self._answer(case, place, root, f"And that one as well, {case.number}.", plain=True)
        yield from self._resolve(case, place, root)
        case.done = True

    def write_to_nobody(self) -> None:
        """Deskhand is not there, and agents go on writing."""
        for case in self.asleep:
            text = f"Written while you slept, {case.number}."
            self.slack.reply(AGENTS[case.owner], *self.seen.threads[case.conversation], text)
            case.expected.append(text)

    def ask_the_ai(self, case: Case) -> Script:
        """A question that an article answers: nobody of the agents hears of it."""
        self._bring_first(case)
        yield lambda: case.conversation in self.seen.answered
        self._bring(case, "", "resolve", "demo", Profile())
        yield lambda: self._state(case)[0] == "resolved"
        case.done = True

    def _bring_first(self, case: Case) -> None:
        case.conversation = self._bring(case, QUESTION, "message", "demo", Profile(language="en")).conversation_id

    def _state(self, case: Case) -> tuple[str, str]:
        return self.seen.states.get(case.conversation, ("", ""))

    def _claim(self, case: Case, place: str, root: str) -> Script:
        if case.rule in TEAMS:
            yield lambda: case.conversation in self.seen.offered
            case.owner = self.seen.offered[case.conversation]
            yield lambda: self.told(case.owner, case, "offered to you")
            case.claim = "card" if case.claim == "home" else case.claim
        else:
            case.owner = case.who
        user = AGENTS[case.owner]
        acts: dict[str, Callable[[], Any]] = {
            "card": lambda: self.slack.click(user, place, root, "Claim"),
            "word": lambda: self.slack.reply(user, place, root, "!claim"),
            "home": lambda: self._claim_at_home(case, user),
        }
        if case.claim == "reply":
            text = f"I look into {4_000 + case.number}."
            self.slack.reply(user, place, root, text)
            case.expected.append(text)
            yield lambda: self._state(case)[0] == "human" and text in self.seen.said.get(case.conversation, ())
        else:
            yield from self._until(acts[case.claim], lambda: self._state(case)[0] == "human")
        assert self._state(case) == ("human", case.owner), f"{case}: {self._state(case)}"

    def _claim_at_home(self, case: Case, user: str) -> None:
        """In App Home, under Unassigned, as soon as it stands there."""
        shown = self.slack.home(user)
        if not shown:
            return
        claims = [one for one in controls(shown) if one.get("label") == "Claim"]
        mine = [number for number, one in enumerate(claims) if case.conversation in str(one)]
        if mine:
            self.slack.press(user, shown, "Claim", number=mine[0])
            return
        tab = next(label for label in labels(shown) if label.startswith("Unassigned"))
        self.slack.press(user, shown, tab)

    def _extra(self, case: Case, place: str, root: str) -> Script:
        user = AGENTS[case.owner]
        if case.extra == "transfer":
            other = self._colleague(case)
            self.expected.append((other, "assignment", case.conversation))
            act = lambda: self.slack.reply(user, place, root, f"!assign <@{AGENTS[other]}>")  # noqa: E731
            yield from self._until(act, lambda: self._state(case)[1] == other)
            case.owner = other
            yield lambda: self.told(other, case, "gave this to you")
        elif case.extra == "mention":
            other = self._colleague(case)
            self.expected.append((other, "mention", case.conversation))
            named = f"<@{AGENTS[other]}>" if case.number % 2 else f"@{other}"
            self.slack.reply(user, place, root, f"note: {named}, do you know {case.number}?")
            yield lambda: self.told(other, case, "mentioned you")
            (message,) = self.told(other, case, "mentioned you")
            who = AGENTS[other]
            self.slack.press(who, message, "Read", channel=self.slack.space.direct(who).id)
        elif case.extra == "priority":
            yield from self._until(
                lambda: self.slack.reply(user, place, root, "!priority urgent"),
                lambda: case.conversation in self.seen.urgent,
            )
        elif case.extra == "snooze":
            yield from self._until(
                lambda: self.slack.reply(user, place, root, "!snooze 60"),
                lambda: case.conversation in self.seen.snoozed,
            )
            self.says(case, f"Hello? It is about {4_000 + case.number}")
            yield lambda: case.conversation not in self.seen.snoozed and self._shows(place, root, "Hello? It is about")

    def told(self, name: str, case: Case, words: str) -> list[dict[str, Any]]:
        """Messages to an agent alone that say this of the conversation."""
        found = []
        for message in self.slack.directs(AGENTS[name]):
            text = text_of(message)
            if words in text and f"#{self.seen.numbers[case.conversation]} " in text:
                found.append(message)
        return found

    def _colleague(self, case: Case) -> str:
        team = TEAMS.get(case.rule, tuple(AGENTS))
        others = [name for name in team if name != case.owner] or [name for name in AGENTS if name != case.owner]
        return others[case.number % len(others)]

    def _answer(self, case: Case, place: str, root: str, text: str, *, plain: bool = False) -> Script:
        user = AGENTS[case.owner]
        before = len(case.expected)
        if case.extra == "draft" and not plain:
            # Drafts answer what nobody has answered: the first words are, by these.
            yield from self._answer(case, place, root, f"One moment, {case.number}.", plain=True)
            before += 1
            self.says(case, QUESTION)
            yield lambda: self._shows(place, root, QUESTION)
            yield from self._until(
                lambda: self.slack.reply(user, place, root, "!draft"),
                lambda: case.conversation in self.seen.drafts,
                seconds=15.0,
            )
            patience = time.monotonic() + patient(3.0)
            yield lambda: self._drafts(user, root) or time.monotonic() > patience
            shown: list[str] = []
            yield from self._until(
                lambda: self._send_draft(case, user, root, shown),
                lambda: len(self.seen.said.get(case.conversation, ())) > before,
            )
            sent = self.seen.said[case.conversation][before]
            assert sent.split(".")[0][:60] in shown[-1], f"{case}: what was sent is what the agent saw"
            case.expected.append(sent)
            return
        if case.answer == "canned" and not plain:
            self.slack.reply(user, place, root, "!refund")
            text = CANNED
        else:
            self.slack.reply(user, place, root, text)
        case.expected.append(text)
        yield lambda: len(self.seen.said.get(case.conversation, ())) > before

    def _send_draft(self, case: Case, user: str, root: str, shown: list[str]) -> None:
        """In the thread, or in App Home: what only one person sees in a thread may vanish."""
        found = self._drafts(user, root)
        view = found[-1] if found else self.slack.home(user)
        mine = [
            one
            for one in controls(view)
            if one.get("label") == "Send" and self.seen.drafts[case.conversation] in str(one)
        ]
        if mine:
            shown.append(text_of(view))
            everyone = [one for one in controls(view) if one.get("label") == "Send"]
            self.slack.press(user, view, "Send", number=everyone.index(mine[0]))
        elif view:
            self.slack.press(user, view, next(label for label in labels(view) if label.startswith("Drafts")))

    def _drafts(self, user: str, root: str) -> list[dict[str, Any]]:
        return [one for one in self.slack.asides(user) if one.get("thread_ts") == root and "Send" in labels(one)]

    def _resolve(self, case: Case, place: str, root: str) -> Script:
        user = AGENTS[case.owner]
        act: Callable[[], Any] = lambda: self.slack.reply(user, place, root, "!resolve")  # noqa: E731
        if case.close == "card":
            act = lambda: self.slack.click(user, place, root, "Resolve")  # noqa: E731
        yield from self._until(act, lambda: self._state(case)[0] == "resolved")

    def _shows(self, place: str, root: str, words: str) -> bool:
        return any(words in str(message) for message in self.slack.space.messages(place, root))

    def _until(self, act: Callable[[], Any], reached: Callable[[], Any], *, seconds: float = AGAIN) -> Script:
        """Do it, and once more when nothing came of it."""
        for _ in range(5):
            act()
            until = time.monotonic() + patient(seconds)
            yield lambda until=until: reached() or time.monotonic() > until  # type: ignore[misc]
            if reached():
                return
        yield reached

    # All at once ----------------------------------------------------------------------------------------------------

    def run(
        self, day: dict[str, Script], *, enough: Callable[[], bool] = lambda: False, seconds: float = PATIENCE
    ) -> None:
        """Go on with every script that can, until all have ended or it is ``enough``. Ended ones are taken out of ``day``."""
        waits: dict[str, tuple[Callable[[], Any], float]] = self.__dict__.setdefault("waits", {})
        while day and not enough():
            self.seen.look()
            self.hear()
            for name, script in list(day.items()):
                condition, since = waits.get(name, (lambda: True, time.monotonic()))
                if not condition():
                    waited = time.monotonic() - since
                    assert waited < seconds, {one: _where(other) for one, other in day.items()}
                    continue
                try:
                    waits[name] = (next(script), time.monotonic())
                except StopIteration:
                    del day[name]
            time.sleep(0.03)


def _where(script: Any) -> str:
    """The step that a script waits in."""
    while script.gi_yieldfrom is not None:
        script = script.gi_yieldfrom
    return f"{script.gi_code.co_name}, line {script.gi_frame.f_lineno}"
