"""Asking a question as a test: the path of a customer's message from its commit to its answer's, in a scratch installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from bot import accounts, clock, turns
from bot.answer_tests.cases import Case
from bot.answer_tests.outcome import Cited, Outcome
from bot.answer_tests.recordings import Recordings
from bot.answering import answer
from bot.articles import list_articles
from bot.asking import Cancelled, Running
from bot.drafts import Drafts
from bot.events import Answer, TurnContext
from bot.fleet import Fleet
from bot.knowledge import ArticleView
from bot.messages import Inbound, Profile, Refused
from bot.plugins import Snapshot
from bot.receive import receive
from bot.store import read, sql, write
from bot.turns import Account, Begun

CHANNEL = "answer-tests"


class CannotAsk(Exception):
    """A question of a test cannot be asked. A sentence for people."""


class Watched:
    """A snapshot that remembers the turn its hooks were last called for, and lets the providers of recordings answer."""

    def __init__(self, snapshot: Snapshot, *, all_on: bool) -> None:
        self._snapshot = snapshot
        self._all_on = all_on
        self.turn: TurnContext | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    def pipe(self, hook: str, name: str, value: Any, **arguments: Any) -> Any:
        self._note(arguments)
        return self._snapshot.pipe(hook, name, value, **arguments)

    def first(self, hook: str, **arguments: Any) -> Any:
        self._note(arguments)
        if hook == "pace":
            return None  # tests ask faster than people do: who is slowed down for it says nothing about the answers
        return self._snapshot.first(hook, **arguments)

    def still_on(self, name: str) -> bool:
        return self._all_on or self._snapshot.still_on(name)

    def _note(self, arguments: dict[str, Any]) -> None:
        turn = arguments.get("turn")
        if isinstance(turn, TurnContext):
            self.turn = turn


class Stage:
    """What all rehearsals of one run share. Used by many threads."""

    def __init__(self, snapshot: Snapshot, fleet: Fleet, recordings: Recordings | None = None) -> None:
        self.snapshot, self.fleet, self.recordings = snapshot, fleet, recordings
        self.models = bool(fleet.models)
        self.drafts = Drafts()
        self.articles = {view.id: view for view in list_articles()}
        self.by_title = {view.title: view for view in self.articles.values()}

    def rehearse(self, case: Case) -> Iterator[Outcome]:
        """Ask everything of ``case``, one after the other, as one conversation. Raises :class:`CannotAsk`."""
        if case.site and accounts.site_by_key(case.site) is None:
            raise CannotAsk(f"There is no site with the key {case.site}. See: deskhand site list")
        place = clock.new_id()
        before: Outcome | None = None
        for step in case.steps:
            if before is not None and before.passed_on:
                raise CannotAsk(
                    f"“{before.question[:60]}” was passed on to people ({before.reason}), so the assistant does not answer what"
                    " follows."
                )
            before = self._ask(case, place, step.question)
            yield before

    def _ask(self, case: Case, place: str, question: str) -> Outcome:
        began = clock.lease_now()
        event = Inbound(
            channel=CHANNEL,
            key=f"{CHANNEL}:{clock.new_id()}",
            external_id=place,
            place=place,
            text=question,
            site=case.site,
            profile=Profile(language=case.language),
        )
        (got,) = receive([event])
        if isinstance(got, Refused):
            raise CannotAsk(f"The question was refused: {got.message}")
        begun = write(lambda: _begin(got.conversation_id))
        if begun is None:
            raise CannotAsk("The assistant does not have this conversation (any more), so it does not answer.")
        running = Running(begun, self.drafts.open(begun.conversation_id, begun.turn_id, begun.attempt))
        watched: Any = Watched(self.snapshot, all_on=self.recordings is not None)
        try:
            said, account = answer(running, watched, self.fleet, self.drafts)
        except Cancelled:
            raise CannotAsk("The answer was given up: a plugin did not come to an end.") from None
        missed = self.recordings.missed() if self.recordings is not None else None
        if missed is not None:
            raise CannotAsk(
                f"{missed.provider} {missed.model} was asked, and {missed.why}. Record it with keys: deskhand eval --record FOLDER"
            )
        if said.type == "offline" and self.models:
            # Quotes in place of a model that is away say nothing about what the model would have said.
            raise CannotAsk("No model could answer, so the articles were quoted instead. See: deskhand providers list")
        state = "failed" if said.type == "fallback" else "done"
        write(lambda: turns.end(begun, said, account, state=state))
        running.draft.close()
        return self._outcome(question, said, account, running, watched, int((clock.lease_now() - began) * 1000))

    def _outcome(
        self, question: str, said: Answer, account: Account, running: Running, watched: Watched, ms: int
    ) -> Outcome:
        turn = watched.turn
        articles = {passage.id: passage.article_id for passage in turn.passages} if turn else {}
        cited = []
        for source in said.sources:
            view = self.articles.get(articles.get(source.passage_id, "")) or self.by_title.get(source.title)
            cited.append(_cited(source, view))
        return Outcome(
            question=question,
            text=said.text,
            cited=tuple(cited),
            type=said.type,
            passed_on=bool(said.handoff_reason),
            reason=said.handoff_reason,
            offered=self._offers(watched, said.choices),
            answerable=turn.answerable if turn else True,
            certainty=turn.certainty if turn else 0.0,
            grounded=said.grounded,
            stated=said.stated,
            confidence=said.confidence,
            provider=said.provider,
            model=said.model,
            input_tokens=account.input_tokens,
            output_tokens=account.output_tokens,
            cost=read(lambda: _cost(running.begun.turn_id, account)),
            ms=ms,
        )

    @staticmethod
    def _offers(watched: Watched, choices: Sequence[str]) -> bool:
        """Whether a quick reply brings a person: what the rules would do if the customer said it."""
        if watched.turn is None:
            return False
        asked = (replace(watched.turn, question=choice) for choice in choices)
        return any(watched.first("escalate", turn=turn, answer=None) is not None for turn in list(asked))


def _begin(conversation_id: str) -> Begun | None:
    # A rule that slows a stranger down must not make the tests wait.
    sql("UPDATE conversation SET due_at = 0 WHERE id = ?", (conversation_id,))
    return turns.begin(conversation_id)


def _cited(source: Any, view: ArticleView | None) -> Cited:
    return Cited(
        title=source.title,
        passage=source.passage_id,
        heading=source.heading,
        article=view.id if view else "",
        slug=view.slug if view else "",
        path=view.path if view else "",
    )


def _cost(turn_id: str, account: Account) -> float | None:
    """US dollars that an answer cost, as its row says; ``None``: nobody knows the price."""
    row = sql("SELECT cost FROM answer_log WHERE turn = ?", (turn_id,)).fetchone()
    if row is not None and row[0] is not None:
        return float(row[0]) / 1_000_000
    return 0.0 if account.input_tokens + account.output_tokens == 0 else None
