"""What must be true of every text before it leaves this house for a provider, or is kept without its conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.plugins import snapshot

if TYPE_CHECKING:
    from bot.plugins import Snapshot


def mask_texts(texts: Sequence[str], plugins: Snapshot | None = None) -> list[str]:
    """The texts as a provider or a record may see them, without a way back: ``write to (e-mail address)``.

    With the shield switched off they stay as they are. Raises :class:`bot.RequiredPluginFailed` when it should work and cannot: then
    the texts must not go anywhere.
    """
    now = plugins or snapshot()
    return [now.pipe("mask_text", "text", text) for text in texts]
