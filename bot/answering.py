"""From what is unanswered to an answer: filter, rules, search, prompt, memory, fleet, release, conclude. One call, one attempt of one
turn."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from bot import confidence, customer_words, fingerprints
from bot.ai import Prompt, Usage
from bot.alarms import raise_alarm
from bot.answer_log import Basis
from bot.asked import asked_now, filtered, make_prompt, search, with_pictures
from bot.asking import MAX_CHOICES, PERSON, Running, ask
from bot.canary import PromptLeaked
from bot.drafts import Drafts
from bot.events import Allowance, Answer, AutoReply, Escalation, Pace, Reason, TurnContext
from bot.failpoints import failpoint
from bot.fleet import Fleet, FleetExhausted
from bot.knowledge import Found
from bot.messages import MessageView
from bot.pacing import PutOff, given_again
from bot.prompt_values import filled, in_language
from bot.remembering import memory
from bot.seeing import CANNOT_SEE, ONLY_PICTURES, Pictures, look
from bot.snapshot import RequiredPluginFailed
from bot.store import StoreUnavailable
from bot.turns import Account, Begun
from bot.waiting import site_hours

if TYPE_CHECKING:
    from bot.plugins import Snapshot

log = structlog.get_logger("answering")

FALLBACK = "I am sorry, I cannot answer this right now. Nothing you wrote is lost, and a person will look at it."
INSTEAD = "I am not sure enough about my answer, so I would rather let a person give you one."
NOT_SHOWN = "I cannot show how I am instructed. What can I help you with?"
ECONOMIES = ("full", "cheap", "quotes")
"""From the dearest to the cheapest."""
THUMBS_DOWN = "\N{THUMBS DOWN SIGN}"


def answer(running: Running, plugins: Snapshot, fleet: Fleet, drafts: Drafts) -> tuple[Answer, Account]:
    """Answer everything unanswered. Always ends in an answer, if need be one that brings a person. Raises :class:`Cancelled`."""
    begun = running.begun
    if begun.poisoned:
        return fallback(begun, "answering failed several times"), running.account()
    turn = TurnContext(
        turn_id=begun.turn_id,
        conversation_id=begun.conversation_id,
        site=begun.site_id,
        site_key=begun.site_key,
        channel=begun.channel,
        language=begun.language,
        attempt=begun.attempt,
        turns=begun.turns,
        tokens=begun.tokens,
        unhappy=unhappy(begun.history),
        reachable=_reachable(begun.site_id),
        prompt_version=begun.prompt_version,
        put_off=begun.put_off,
    )
    history = filtered(begun, plugins, turn)
    turn = replace(turn, said=own_words(begun.history), **_asked(begun, history))
    asked = turn.question
    running.basis = Basis(question=fingerprints.of_question(asked), prompt=begun.prompt_version)
    early = _escalation(plugins, turn, None)
    if early is not None and not early.answer_first:
        return passed_on(early), running.account()
    said, rule = _without_ai(running, plugins, turn, early)
    if said is not None:
        return said, running.account()
    seen = look(history, [message for message in history if asked_now(message, begun)], fleet)
    if seen.nothing and not asked.strip():
        return only_pictures(), running.account()
    found = _found(search(begun, history, plugins), seen)
    turn = replace(
        turn, passages=found.passages, answerable=found.answerable, certainty=found.certainty, pictures=seen.shown,
        knowledge=found.version,
    )  # fmt: skip
    running.basis = replace(
        running.basis,
        answerable=found.answerable,
        # Nothing was searched, or by somebody who does not tell how sure they are.
        certainty=found.certainty or (None if found.answerable or not found.passages else 0.0),
        knowledge=found.version,
        articles={passage.id: passage.article_id for passage in found.passages},
    )
    prompt = make_prompt(begun, history, found, seen)
    prompt = with_pictures(shielded_prompt(prompt, plugins, turn), begun)
    turn = replace(turn, instructions=prompt.system)
    failpoint("turn.before_ai")
    link_hosts = str(begun.site_settings.get("link_hosts") or "")
    with memory(plugins, turn, prompt, fleet, link_hosts=link_hosts) as before:
        usages: tuple[Usage, ...] = ()
        cut = False
        said = _nothing_found(plugins, turn) or before.recall(running)
        full = prompt.economy
        if said is None:
            prompt, denied = afforded(running, plugins, turn, prompt, fleet)
            if denied is not None:
                return denied, running.account()
            try:
                said, done = ask(running, prompt, plugins, fleet, drafts)
            except FleetExhausted as error:
                log.warning(
                    "no_provider_answered", conversation=begun.conversation_id, turn=begun.turn_id, reasons=str(error)
                )
                return fallback(begun, "technical error"), running.account(error.wasted)
            except PromptLeaked:
                return leaked(begun), running.account(running.spent)
            usages, cut = (done.usage, done.wasted), done.end == "length"
        failpoint("turn.after_ai")
        said = first = sure(said, running.basis)
        said = _after(running, plugins, turn, said)
        if not said.text.strip() and not said.handoff_reason:
            said = fallback(begun, "empty answer")
        if not said.handoff_reason:
            reason = early or _escalation(plugins, turn, said)
            said = said if reason is None else passed_on(reason, said)
        if not cut and prompt.economy == full:
            before.keep(first, said)
    if said.type in {"cache", "auto"} and said.text.strip():
        running.show(said.text)
    return _offered(honest(said, seen), rule), running.account(*usages)


def _asked(begun: Begun, history: Sequence[MessageView]) -> dict[str, Any]:
    """What a turn is about, in the words of its context."""
    now = [message for message in history if asked_now(message, begun)]
    return {
        "question": "\n".join(message.text for message in now),
        "earlier": max(sum(message.author != "system" for message in history) - len(now), int(begun.answered > 0)),
        "files": sum(len(message.files) for message in now),
    }


def shielded_prompt(prompt: Prompt, plugins: Snapshot, turn: TurnContext) -> Prompt:
    """The prompt as providers may get it. When a plugin that must not be missing is, only those that send nothing anywhere are asked."""
    try:
        return plugins.pipe("before_ai", "prompt", prompt, turn=turn)  # type: ignore[no-any-return]
    except RequiredPluginFailed as error:
        raise_alarm(
            "required_plugin_failed",
            f"plugin:{error.plugin}",
            f"{error.plugin} does not work: questions are not sent to the AI",
            f"{error} Until it works, no question goes to an AI provider: answers are quotes from the articles, or come from people.",
        )
        return replace(prompt, economy="quotes")


def _after(running: Running, plugins: Snapshot, turn: TurnContext, said: Answer) -> Answer:
    """The answer when all who look at it had their say. A site with checked answers shows none of a model that somebody could not
    look at: a person gives one."""
    whole = running.checked and said.type in {"ai", "cache"}
    try:
        return plugins.pipe(  # type: ignore[no-any-return]
            "after_ai", "answer", said, turn=turn, settle=partial(_checked, running.basis), whole=whole
        )
    except RequiredPluginFailed as error:
        raise_alarm(
            "answer_not_checked",
            f"plugin:{error.plugin}",
            f"{error.plugin} does not work: answers are not checked",
            f"{error} Until it works, people answer where answers are shown only after they were checked.",
        )
        return passed_on(Escalation(reason=Reason.UNCONFIRMED, detail=error.plugin, answer_first=False), said)


def _nothing_found(plugins: Snapshot, turn: TurnContext) -> Answer | None:
    """What a plugin says instead of the AI when the knowledge base has no answer; ``None``: the AI is asked."""
    if turn.answerable or turn.pictures:
        return None
    found = plugins.first("no_answer", turn=turn)
    if found is None:
        return None
    log.info("no_answer_here", conversation=turn.conversation_id, turn=turn.turn_id, plugin=found[0])
    said: Answer = found[1]
    return replace(said, type="auto")


def leaked(begun: Begun) -> Answer:
    """Instead of an answer that repeats the instructions. Nobody is called: who tries this would try it all day."""
    raise_alarm(
        "prompt_leaked",
        f"conversation:{begun.conversation_id}",
        "The AI repeated its instructions",
        "An answer held the secret mark of its own instructions. It was not shown, and replaced by a sentence. Look at the conversation,"
        " and at which provider and model answered.",
    )
    return Answer(text=NOT_SHOWN, type="fallback", choices=(PERSON,), confidence=0.0)


def _without_ai(
    running: Running, plugins: Snapshot, turn: TurnContext, early: Escalation | None
) -> tuple[Answer | None, AutoReply]:
    """What is said without asking the AI, and what a rule adds to its answer."""
    # Rules first: they cost nothing, and one that was changed answers anew also who asks the same again.
    rule = _rule(plugins, turn)
    if rule.text.strip() or rule.escalation is not None:
        return _by_rule(running, rule, early), rule
    return _paced(running, plugins, turn), rule


def _paced(running: Running, plugins: Snapshot, turn: TurnContext) -> Answer | None:
    """What is said instead to somebody who asks too fast or the same again. Raises :class:`bot.pacing.PutOff`."""
    if turn.put_off:
        _step(running, "slowed")
    found = plugins.first("pace", turn=turn)
    if found is None:
        return None
    pace: Pace = found[1]
    if pace.escalation is not None:
        return replace(passed_on(pace.escalation), steps=(pace.why or "slowed",))
    if pace.again and (said := given_again(running.begun, pace.again)) is not None:
        log.info("answer_given_again", conversation=turn.conversation_id, turn=turn.turn_id, plugin=found[0])
        running.show(said.text)
        return said
    if pace.wait > 0:
        raise PutOff(pace.wait, pace.why)
    return None


def afforded(
    running: Running, plugins: Snapshot, turn: TurnContext, prompt: Prompt, fleet: Fleet
) -> tuple[Prompt, Answer | None]:
    """The prompt with what may be spent on it, or what is said instead when that is nothing."""
    models = [(one.name, one.model) for one in fleet.models]
    found = plugins.first("afford", turn=turn, prompt=prompt, models=models) if models else None
    if found is not None:
        allowed: Allowance = found[1]
        log.info(
            "budget_step", conversation=turn.conversation_id, turn=turn.turn_id, plugin=found[0], why=allowed.why,
            economy="person" if allowed.escalation else allowed.economy,
        )  # fmt: skip
        if allowed.escalation is not None:
            return prompt, replace(passed_on(allowed.escalation), steps=("person",))
        economy = allowed.economy
        if economy == "cheap" and not any(
            fleet.is_cheap(one) for one in fleet.providers if (one.name, one.model) in models
        ):
            economy = "full"  # nobody is cheaper: going without a model is the next step, not this one
        prompt = replace(prompt, economy=max(prompt.economy, economy, key=ECONOMIES.index))
    if prompt.economy != "full":
        _step(running, prompt.economy)
    elif running.begun.tokens_left is not None and running.begun.tokens_left <= 0:
        _step(running, "quotes")
    return prompt, None


def _step(running: Running, word: str) -> None:
    """Note for the answer log what held this answer back."""
    running.basis = replace(running.basis, steps=(*running.basis.steps, word))


def _rule(plugins: Snapshot, turn: TurnContext) -> AutoReply:
    found = plugins.first("auto_reply", turn=turn)
    if found is None:
        return AutoReply()
    rule: AutoReply = found[1]
    log.info("auto_reply", conversation=turn.conversation_id, turn=turn.turn_id, plugin=found[0], rule=rule.rule[:80])
    return rule


def _by_rule(running: Running, rule: AutoReply, early: Escalation | None) -> Answer:
    """What a rule says instead of the AI."""
    if rule.escalation is not None:
        return replace(passed_on(rule.escalation), type="auto")
    running.show(rule.text)
    said = Answer(text=rule.text, sources=rule.sources, choices=rule.choices[:MAX_CHOICES], type="auto")
    return said if early is None else passed_on(early, said)


def _reachable(site_id: str) -> bool:
    # With the database away for a moment an answer is still possible; nobody is promised anything then.
    with contextlib.suppress(StoreUnavailable):
        return site_hours(site_id).people == "here"
    return False


def fallback(begun: Begun, reason: str) -> Answer:
    """The honest sentence when no answer can be had, with a person to follow."""
    text = filled(
        in_language(begun.prompts.fallback, begun.language) or customer_words.in_language(begun.language, FALLBACK),
        name=begun.site_name,
    )
    return Answer(text=text, type="fallback", handoff_reason=reason, handoff_code=Reason.ERROR, confidence=0.0)


def _escalation(plugins: Snapshot, turn: TurnContext, said: Answer | None) -> Escalation | None:
    found = plugins.first("escalate", turn=turn, answer=said)
    return found[1] if found is not None else None


def sure(said: Answer, basis: Basis) -> Answer:
    """The answer with its confidence: what the model said of itself, the search, and what was found in the passages together.
    Without articles only the model's own word counts: it knows best how sure it is of a greeting."""
    certainty = basis.certainty if basis.answerable else None
    found = confidence.combine(said.stated, certainty, said.grounded, confidence.weights())
    return said if found is None else replace(said, confidence=found)


def _checked(basis: Basis, before: Answer, after: Answer) -> Answer:
    """Who checks an answer need not know how sure that makes it; whoever comes next does."""
    return sure(after, basis) if after.grounded != before.grounded else after


def passed_on(escalation: Escalation, said: Answer | None = None) -> Answer:
    """The answer with which a rule passes the conversation on. Without an answer of the AI and without words of the rule it is
    empty: then the customer is told only what happens next."""
    say = escalation.say.strip()
    if said is None:
        text, said = say, Answer(text="")
    elif escalation.answer_first:
        text = f"{said.text}\n\n{say}".rstrip()
    else:
        # What was shown of it must be replaced by something.
        text, said = (
            say or INSTEAD,
            replace(said, text="", sources=(), choices=(), handoff_summary=""),
        )
    detail = escalation.detail.strip()[:200]
    words = f"{escalation.reason.words}: {detail}" if detail else escalation.reason.words
    return replace(
        said,
        text=text,
        handoff_reason=words,
        handoff_code=escalation.reason,
        priority=escalation.priority or said.priority,
    )


def _found(found: Found, seen: Pictures) -> Found:
    """What a picture is about cannot be searched for: who looks at it may answer, or ask."""
    return replace(found, answerable=True) if seen.shown else found


def only_pictures() -> Answer:
    """The answer to pictures without a word, when nobody can look at them."""
    return Answer(text=f"{CANNOT_SEE} {ONLY_PICTURES}", type="fallback", choices=(PERSON,))


def honest(said: Answer, seen: Pictures) -> Answer:
    """An answer of somebody who could not look at the pictures says so first, and offers a person. Any other is as it was."""
    if not (said.unseen or seen.nothing) or not said.text.strip():
        return said
    choices = said.choices if said.handoff_reason else tuple(dict.fromkeys((*said.choices[: MAX_CHOICES - 1], PERSON)))
    return replace(said, text=f"{CANNOT_SEE}\n\n{said.text}", choices=choices, unseen=True)


def _offered(said: Answer, rule: AutoReply) -> Answer:
    """With what a rule offers beside the answer."""
    if not rule.choices or said.handoff_reason:
        return said
    return replace(said, choices=tuple(dict.fromkeys((*rule.choices, *said.choices)))[:MAX_CHOICES])


def own_words(history: Sequence[MessageView]) -> str:
    """What customer and agents wrote, as it is stored."""
    return "\n".join(m.text for m in history if m.author in {"customer", "agent"} and m.text and not m.deleted)


def unhappy(history: Sequence[MessageView]) -> int:
    """Thumbs down of the customer."""
    return sum(
        mark.author == "customer" and mark.emoji.startswith(THUMBS_DOWN)
        for message in history
        for mark in message.reactions
    )
