"""What a fresh installation needs to answer its first question, and the words that tell what is connected."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot import accounts, crypto
from bot.cli import remember_commands
from bot.config import Config
from bot.plugins import Registry, Snapshot, Status, load_plugins
from bot.store import Article, read

KNOWLEDGE_SYNC = "knowledge.sync"
"""The job that reads the knowledge folder. It is run once before the first start serves, so that the first answer has sources."""

OFFLINE = "offline: quotes the articles. Set OPENAI_API_KEY or ANTHROPIC_API_KEY for a model"
NO_DESK = "no desk is connected: who asks for a person gets a ticket (deskhand tickets list)"


def first_rows(settings: Config, tell: Callable[[str], None]) -> list[str]:
    """Make the key, the first site and the sample's articles if there are none; returns the lines to show when it serves."""
    crypto.prepare("message", "secret")
    site = accounts.ensure_default_site()
    registry = load_plugins("cli")
    try:
        snapshot = registry.snapshot()
        articles = _articles(snapshot, tell)
        remember_commands(snapshot)
        return _welcome(settings, site.key, articles, snapshot.status())
    finally:
        Registry.close(registry)


def _articles(snapshot: Snapshot, tell: Callable[[str], None]) -> int:
    count = _count()
    if count == 0:
        for _plugin, specs in snapshot.each("jobs"):
            for spec in specs:
                if spec.kind == KNOWLEDGE_SYNC:
                    tell("knowledge reading the articles for the first time")
                    spec.run("")
        count = _count()
    return count


def _count() -> int:
    return int(read(lambda: Article.select().where(Article.state == "live").count()))


def _welcome(settings: Config, key: str, articles: int, plugins: list[Status]) -> list[str]:
    """Where to look, and what is not connected yet."""
    providers = [one for one in plugins if "ai_provider" in one.hooks]
    channels = [one for one in plugins if "channel" in one.hooks]
    models = [one.title for one in providers if one.on and one.name != "offline"]
    lines = [
        "  Deskhand is ready.",
        "",
        f"    demo page   {settings.base_url}/",
        f"    your page   <script async src=\"{settings.base_url}/w/loader.js\" data-deskhand data-site=\"{key}\"></script>",
        f"    knowledge   {articles} articles" if articles else "    knowledge   none yet: put Markdown files into the knowledge folder",
        "    AI          " + (", ".join(models) or OFFLINE),
        "    channels    " + (", ".join(one.title for one in channels if one.on) or "none"),
    ]  # fmt: skip
    waiting = [_needs(one) for one in plugins if not one.on and not one.broken and one.why.startswith("needs")]
    if waiting:
        lines.append("    not yet     " + "; ".join(waiting))
    desks = [one.title for one in plugins if one.on and "desk" in one.hooks]
    lines.append("    people      " + (", ".join(desks) or NO_DESK))
    broken = [f"{one.name}: {one.why}" for one in plugins if one.broken]
    lines += [f"    broken      {text}" for text in broken]
    return lines


def _needs(one: Status) -> str:
    """A plugin that waits for settings, with the environment variables that fill them."""
    variables = re.findall(r"\(or ([A-Z][A-Z0-9_]+)\)", one.why)
    return f"{one.title} ({' and '.join(variables) or one.why})"
