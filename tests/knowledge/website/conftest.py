"""A website on loopback as a source of knowledge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import (
    SourceOrder,
    SourceView,
    add_source,
    import_source,
    kinds_of_source,
    list_articles,
)
from bot.plugins import forget_plugins, load_plugins
from plugins.sources import website as website_module
from tests.fakes.website import Website

LONG = "It takes three to five working days until the money is on your card again, whatever the reason was."


@pytest.fixture
def site(store: Any, environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Website]:
    environment(DESKHAND_ALLOWED_CIDRS="127.0.0.0/8")
    monkeypatch.setattr(website_module.WebsiteSettings.model_fields["delay"], "default", 0.0)
    website_module.WebsiteSettings.model_rebuild(force=True)
    load_plugins("cli")
    with Website() as running:
        yield running
    forget_plugins()
    environment(DESKHAND_ALLOWED_CIDRS=None)
    monkeypatch.undo()
    website_module.WebsiteSettings.model_rebuild(force=True)


def add(site: Website, path: str = "/", *, every: float = 0.0, language: str = "", **options: Any) -> SourceView:
    order = SourceOrder(address=site.url(path), language=language, options=options)
    view = add_source("web", kinds_of_source()["web"].check(order), by="cli:ann", every=every)
    site.forget()
    return view


def look(view: SourceView) -> SourceView:
    return import_source(view.id)


def titles() -> list[str]:
    return sorted(article.title for article in list_articles())
