"""The knowledge base: a folder of Markdown files and whatever else was added, kept in sync and searched by an index on every host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bot import (
    Found,
    JobSpec,
    KnowledgeSource,
    PluginInfo,
    Question,
    Settings,
    hookimpl,
    import_in_background,
    setting,
    start_due_sources,
)

if TYPE_CHECKING:
    import click

PLUGIN = PluginInfo(
    title="Knowledge base", summary="Answers come from articles: a folder of Markdown files, websites, files.", on=True
)
SYNC_EVERY = 5.0
"""Seconds between two looks at the folder. A look without changes costs one stat per file and three small reads."""

EMBED_EVERY = 30.0
"""Seconds between two looks for passages without a vector."""

DUE_EVERY = 10.0
"""Seconds between two looks for sources whose time has come."""


class KnowledgeSettings(Settings):
    folder: str = setting(
        "",
        env="DESKHAND_KNOWLEDGE_DIR",
        label="Folder",
        help="Folder of Markdown files. Empty: the sample shop, as long as there are no articles of your own.",
    )
    language: str = setting(
        "en",
        env="DESKHAND_KNOWLEDGE_LANGUAGE",
        label="Language",
        help="Language of articles that do not name theirs, such as en or de.",
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    )
    sample: bool = setting(
        True,
        env="DESKHAND_KNOWLEDGE_SAMPLE",
        label="Sample shop",
        help="Show the articles of the sample shop while there are none of your own.",
    )
    certainty: str = setting(
        "normal",
        env="DESKHAND_KNOWLEDGE_CERTAINTY",
        label="Answer from",
        help="How sure the search must be that it found the answer: cautious, normal, bold, or a number from 0 to 1.",
        pattern=r"^(cautious|normal|bold|0|1|0?\.\d{1,3}|1\.0{1,3})$",
    )
    embeddings: bool = setting(
        False,
        env="DESKHAND_KNOWLEDGE_EMBEDDINGS",
        label="Compare meanings",
        help="Have an AI provider make vectors of articles and questions, and search by meaning beside words. Sends both to the provider.",
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return KnowledgeSettings


@hookimpl
def search_knowledge(settings: KnowledgeSettings, question: Question) -> Found:
    from plugins.knowledge.certainty import least
    from plugins.knowledge.search import search
    from plugins.knowledge.sync import host_index

    vectors = None
    if settings.embeddings:
        from plugins.knowledge.vectors import vectors_beside

        vectors = vectors_beside(host_index())
    return search(host_index(), question, least(settings.certainty), vectors)


@hookimpl
def jobs(settings: KnowledgeSettings) -> Sequence[JobSpec]:
    from plugins.knowledge.sync import sync_quietly

    embeddings = []
    if settings.embeddings:
        from plugins.knowledge.embed_command import embed_quietly

        embeddings = [
            JobSpec(kind="knowledge.embed", run=embed_quietly, every=EMBED_EVERY, queue="slow", timeout=900.0)
        ]
    return [
        *embeddings,
        JobSpec(
            kind="knowledge.sync",
            run=lambda _ref: sync_quietly(settings.folder, settings.language, settings.sample),
            every=SYNC_EVERY,
            timeout=600.0,
        ),
        JobSpec(kind="knowledge.due", run=start_due_sources, every=DUE_EVERY),
        JobSpec(kind="knowledge.source", run=import_in_background, queue="slow", timeout=900.0),
    ]


@hookimpl
def knowledge_source() -> KnowledgeSource:
    from plugins.knowledge.markdown_source import MarkdownSource

    return MarkdownSource()


@hookimpl
def commands(settings: KnowledgeSettings) -> Sequence[click.Command]:
    from plugins.knowledge.command_line import knowledge_command

    return [
        knowledge_command(settings.folder, settings.language, settings.sample, settings.certainty, settings.embeddings)
    ]


@hookimpl
def health_check(settings: KnowledgeSettings) -> dict[str, Any]:
    from plugins.knowledge.sync import health

    found = health(settings.folder)
    if settings.embeddings:
        from plugins.knowledge.embed_command import standing

        found["embeddings"] = standing()
    return found
