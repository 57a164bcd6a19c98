"""Learning: questions without a good answer as topics, and drafts of articles from conversations that people answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import JobSpec, PluginInfo, Settings, hookimpl, setting

if TYPE_CHECKING:
    import click

PLUGIN = PluginInfo(
    title="Learning",
    summary="What the knowledge base lacks, by topics, and drafts of articles from what agents answered. Nothing is published by itself.",
    on=True,
)
GROUP_EVERY, DRAFT_EVERY = 300.0, 120.0
"""Seconds between two looks at new answers, and at what was resolved."""


class LearningSettings(Settings):
    """What is collected, and from what."""

    topics: bool = setting(True, label="Topics", help="Group the questions that had no good answer.")
    threshold: float = setting(
        0.5, ge=0, le=1, label="Confidence", help="An answer of which the AI was less sure counts as none."
    )
    drafts: bool = setting(
        True, label="Drafts", help="Make a draft article of a resolved conversation that an agent answered."
    )
    days: float = setting(
        7.0, gt=0, le=90, label="Days", help="Conversations that were resolved longer ago are not looked at."
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return LearningSettings


@hookimpl
def jobs(settings: LearningSettings) -> Sequence[JobSpec]:
    from bot import gather_questions, learn_from_people

    found = []
    if settings.topics:
        found.append(
            JobSpec(
                kind="learning.topics",
                run=lambda _ref: _quiet(gather_questions(settings.threshold)),
                every=GROUP_EVERY,
                queue="slow",
                timeout=300.0,
            )
        )
    if settings.drafts:
        found.append(
            JobSpec(
                kind="learning.drafts",
                run=lambda _ref: _quiet(learn_from_people(settings.days)),
                every=DRAFT_EVERY,
                queue="slow",
                timeout=1_500.0,
            )
        )
    return found


def _quiet(_count: int) -> None:
    """A job returns nothing."""


@hookimpl
def commands(settings: LearningSettings) -> Sequence[click.Command]:
    from plugins.learning.command_line import knowledge_command

    return [knowledge_command()]
