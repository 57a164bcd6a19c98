"""Deskhand's core. What a plugin may import is exactly the names of this file (a test holds that).

Names are looked up when first used, so that ``import bot`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES: dict[str, str] = {
    name: home
    for home, names in {
        "bot.messages": "Author Inbound MessageView Outbound Profile Receipt Refused Sent Source State MAX_TEXT",
        "bot.channel": "Capability Channel DeliveryFailure Inbox Limits PermanentFailure Resend TemporaryFailure Uncertain",
        "bot.ai": "AICapability AIProvider Clocks Conclusion Delta End Handoff Prompt PromptMessage ProviderError "
        "ProviderErrorKind Text ToolCall Usage",
        "bot.knowledge": "Found Passage Question",
        "bot.articles": "ArticleText ArticleView KnowledgeVersion Piece StoredPassage changed_articles knowledge_version "
        "list_articles passages_of retire_articles save_articles site_ids",
        "bot.hidden": "strip_hidden",
        "bot.events": "Answer JobSpec TurnContext",
        "bot.hookspecs": "PluginInfo hookimpl",
        "bot.settings": "Settings setting",
        "bot.config": "Config ConfigError config",
        "bot.store": "StoreUnavailable",
        "bot.threads": "offload",
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(
            f"bot has no public name {name!r}; what plugins may import is listed in docs/write-a-plugin.md"
        )
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
