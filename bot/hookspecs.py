"""Every hook a plugin may implement. The reference manual is made from this file.

A plugin is a module with functions marked ``@hookimpl``. It takes only the arguments it names. ``settings`` is always the
calling plugin's own settings: an instance of the model it returned from ``settings_schema``. Hooks are called one by one,
each is timed, and a plugin that raises, exits or hangs is named, contained and, after three in a row, switched off.

How a hook is called: *each* (all plugins, results kept apart), *first* (the first result that is not ``None``) or *pipe*
(each gets what the one before returned; ``None`` means unchanged).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from bot.ai import AIProvider, Prompt
from bot.channel import Channel
from bot.desk import Desk
from bot.events import Allowance, Answer, AutoReply, Escalation, OpeningHours, Pace, Recalled, TurnContext
from bot.knowledge import Found, KnowledgeSource, Question
from bot.messages import MessageView
from bot.settings import Settings

if TYPE_CHECKING:
    import click
    import flask

    from bot.events import JobSpec

PROJECT = "deskhand"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What people read about a plugin. A module says it by a module-level ``PLUGIN = PluginInfo(…)``; all of it is optional."""

    title: str = ""
    """A short name for people; empty: the plugin's name."""
    summary: str = ""
    """One sentence: what it does."""
    on: bool | None = None
    """Whether it is on before an admin decided. ``None``: on as soon as its required settings are there."""
    required: bool = False
    """Nothing may go on without it: where one of its *pipe* hooks fails, hangs or is skipped, or would be called if Deskhand had not
    switched the plugin off, the work stops instead (an answer then comes from a provider that only quotes, or from a person). Only
    an admin's switch takes it out. Its hooks are called after those of all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRule:
    """How ``bot.plugins`` calls a hook: its manner, its deadline in seconds, and the processes that may call it."""

    manner: str
    deadline: float
    where: frozenset[str]


@hookspec
def settings_schema() -> type[Settings]:  # type: ignore[empty-body]
    """Return the plugin's settings model. It makes the form, the command line and the environment variables. *Static.*"""


@hookspec
def channel(settings: Settings) -> Channel:  # type: ignore[empty-body]
    """Return a channel. *Each*, in channels (and in web for channels that clients pull from)."""


@hookspec
def desk(settings: Settings) -> Desk:  # type: ignore[empty-body]
    """Return a desk: a place where agents work. *Each*, in channels."""


@hookspec
def ai_provider(settings: Settings) -> AIProvider | Sequence[AIProvider]:  # type: ignore[empty-body]
    """Return a provider, or several. Made once per settings version. *Each*, in turns."""


@hookspec
def routes(settings: Settings, app: flask.Flask) -> flask.Blueprint:  # type: ignore[empty-body]
    """Return a blueprint. Mounted at start; answers 404 while the plugin is off. *Each*, in web."""


@hookspec
def commands(settings: Settings) -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Return click commands for ``deskhand``; groups of one name become one. *Each*, on the command line."""


@hookspec
def jobs(settings: Settings) -> Sequence[JobSpec]:  # type: ignore[empty-body]
    """Return kinds of background work, with how often they are due. *Each*, in worker."""


@hookspec
def filter_inbound(settings: Settings, message: MessageView, turn: TurnContext) -> MessageView | None:  # type: ignore[empty-body]
    """Change what the AI sees of a customer's message; the stored one stays. *Pipe*, in turns, and in worker for drafts of
    agents' replies, within 2 s."""


@hookspec
def pace(settings: Settings, turn: TurnContext) -> Pace | None:  # type: ignore[empty-body]
    """Slow down who asks too fast, the same again or for what nobody can answer; ``None``: as ever. After the rules that need no answer
    (``escalate``). A turn that is put off is asked about again when its time has come. *First*, in turns, within 2 s."""


@hookspec
def afford(
    settings: Settings, turn: TurnContext, prompt: Prompt, models: Sequence[tuple[str, str]]
) -> Allowance | None:  # type: ignore[empty-body]
    """Say what may be spent on this answer, just before the AI is asked. ``models``: names of provider and model that may be asked.
    *First*, in turns, and in worker for drafts of agents' replies, within 2 s."""


@hookspec
def auto_reply(settings: Settings, turn: TurnContext) -> AutoReply | None:  # type: ignore[empty-body]
    """Answer what is asked (``turn.question``) without knowledge and AI; ``None``: no rule fits. Only while the AI has the
    conversation, after the rules that need no answer (``escalate``). *First*, in turns, within 2 s."""


@hookspec
def search_knowledge(settings: Settings, question: Question) -> Found | None:  # type: ignore[empty-body]
    """Search knowledge. *Each*, in turns, and in worker for drafts of agents' replies, within 2 s; the results are merged by rank."""


@hookspec
def knowledge_source(settings: Settings) -> KnowledgeSource | Sequence[KnowledgeSource]:  # type: ignore[empty-body]
    """Return a kind of source that articles can come from, or several: websites, files, another system. *Each*, in worker and on the
    command line, within 10 s. What is read, and when, stands in rows that ``deskhand knowledge add`` makes."""


@hookspec
def no_answer(settings: Settings, turn: TurnContext) -> Answer | None:  # type: ignore[empty-body]
    """Say what is answered when the search decided that the knowledge base has no answer (``turn.answerable`` is false), instead of asking
    the AI; ``None``: the AI is asked all the same, and told so. What is returned goes through ``after_ai`` and ``escalate`` like an answer
    of the AI. *First*, in turns, within 2 s."""


@hookspec
def before_ai(settings: Settings, prompt: Prompt, turn: TurnContext) -> Prompt | None:  # type: ignore[empty-body]
    """Change the prompt before the fleet gets it. *Pipe*, in turns, within 2 s. Also in worker, for the summaries of tickets, articles
    that are learned and drafts of agents' replies: ``prompt.task`` says which it is."""


@hookspec
def mask_text(settings: Settings, text: str) -> str | None:  # type: ignore[empty-body]
    """Take what no provider and no record may hold out of a text that has no conversation to put it back into: what is turned into a
    vector, recorded or grouped. *Pipe*, within 2 s; see ``bot.mask_texts``."""


@hookspec
def recall_answer(settings: Settings, prompt: Prompt, turn: TurnContext, conditions: str) -> Recalled | None:  # type: ignore[empty-body]
    """Give an answer again instead of asking the AI; ``None``: this turn is none whose answer may be given to others. ``prompt`` is what
    the AI would get; ``conditions`` differ whenever models, prompts or settings of plugins do. Of several turns with one key only one
    asks the AI at a time. The sources of the answer are compared with today's passages. *First*, in turns, within 2 s."""


@hookspec
def keep_answer(settings: Settings, key: str, answer: Answer, turn: TurnContext) -> None:
    """Keep the AI's answer for other turns with this ``key``, as ``recall_answer`` gave it. It comes as the AI said it, before
    ``after_ai``, with what is known of its sureness. Never one that ends in a person. *Each*, in turns, within 2 s."""


@hookspec
def after_ai(settings: Settings, answer: Answer, turn: TurnContext) -> Answer | None:  # type: ignore[empty-body]
    """Change the finished answer before it is committed. *Pipe*, in turns, within 2 s. Also in worker, for drafts of agents' replies
    (``turn.draft``): the agent looks at those, so say what is wrong with one by ``grounded`` and leave its words."""


@hookspec
def escalate(settings: Settings, turn: TurnContext, answer: Answer | None) -> Escalation | None:  # type: ignore[empty-body]
    """Pass the conversation to people. Asked twice in a turn: before anything is looked up (``answer`` is ``None``: what needs no answer,
    such as a word; ``turn`` has no passages yet), and with the AI's finished answer, unless there is a reason already. *First*, in
    turns, within 2 s."""


@hookspec
def opening_hours(settings: Settings, site: str, start: float, end: float) -> OpeningHours | None:  # type: ignore[empty-body]
    """Tell when people of the site with the key ``site`` are there between two moments (Unix seconds); ``None``: this plugin does not
    know. Asked ahead for two weeks, again every quarter of an hour and with every change of a plugin. *First*, in worker, within 2 s."""


@hookspec
def health_check(settings: Settings) -> dict[str, Any] | str | None:  # type: ignore[empty-body]
    """Prove that the plugin can work; raise with a sentence if not. *Each*, by ``deskhand doctor``, within 10 s."""


_TURNS = frozenset({"turns", "cli"})
_DRAFTS = _TURNS | {"worker"}
"""What an answer and a draft for an agent go through: a worker writes those."""
RULES: dict[str, HookRule] = {
    "settings_schema": HookRule(manner="static", deadline=2, where=frozenset({"*"})),
    "channel": HookRule(manner="each", deadline=10, where=frozenset({"channels", "web", "cli"})),
    "desk": HookRule(manner="each", deadline=10, where=frozenset({"channels", "cli"})),
    "ai_provider": HookRule(manner="each", deadline=20, where=frozenset({"turns", "worker", "cli"})),
    "routes": HookRule(manner="each", deadline=10, where=frozenset({"web"})),
    "commands": HookRule(manner="each", deadline=10, where=frozenset({"cli"})),
    "jobs": HookRule(manner="each", deadline=10, where=frozenset({"worker", "cli"})),
    "filter_inbound": HookRule(manner="pipe", deadline=2, where=_DRAFTS),
    "pace": HookRule(manner="first", deadline=2, where=_TURNS),
    "afford": HookRule(manner="first", deadline=2, where=_DRAFTS),
    "auto_reply": HookRule(manner="first", deadline=2, where=_TURNS),
    "search_knowledge": HookRule(manner="each", deadline=2, where=_DRAFTS),
    "knowledge_source": HookRule(manner="each", deadline=10, where=frozenset({"worker", "cli"})),
    "no_answer": HookRule(manner="first", deadline=2, where=_TURNS),
    "before_ai": HookRule(manner="pipe", deadline=2, where=_DRAFTS),
    "recall_answer": HookRule(manner="first", deadline=2, where=_TURNS),
    "keep_answer": HookRule(manner="each", deadline=2, where=_TURNS),
    "mask_text": HookRule(manner="pipe", deadline=2, where=frozenset({"*"})),
    "after_ai": HookRule(manner="pipe", deadline=2, where=_DRAFTS),
    "escalate": HookRule(manner="first", deadline=2, where=_TURNS),
    "opening_hours": HookRule(manner="first", deadline=2, where=frozenset({"worker", "cli"})),
    "health_check": HookRule(manner="each", deadline=10, where=frozenset({"cli", "web"})),
}
