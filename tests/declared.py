"""What a running host would have declared, where a test has no host."""

from __future__ import annotations

from bot import clock
from bot.store import Site, sql


def site_with(channel: str = "widget") -> None:
    """A site, and a channel whose customers fetch what there is for them, as the widget. Inside a write."""
    Site.create(id="s1", key="demo", name="Demo", created_at=clock.now())
    declared = '{"pull": true, "max_text": 4000, "unit": "chars", "timeout": 15}'
    sql("INSERT INTO setting (key, value, changed_at) VALUES (?, ?, 0)", (f"channel.{channel}", declared))
