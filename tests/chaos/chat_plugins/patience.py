"""Scales the patience with Telegram and Discord for a proof of minutes: what is uncertain is settled after seconds, and drafts that
nobody finishes are removed after seconds.

Nothing else is changed: which step follows which, and what is committed before what, is the product's.
"""

from __future__ import annotations

import os
from dataclasses import replace

from bot import deliver
from channels.discord import drafts as discord_drafts
from channels.discord import listening
from channels.discord.channel import DiscordChannel
from channels.telegram import chat
from channels.telegram import drafts as telegram_drafts

scale = float(os.environ.get("CHAOS_PATIENCE", "1"))
deliver.GRACE_EXTRA *= scale
for made in (chat.TelegramChannel, DiscordChannel):
    made.limits = replace(made.limits, timeout=max(4.0, made.limits.timeout * scale))
telegram_drafts.STALE = discord_drafts.ABANDONED = max(8.0, 120.0 * scale)
telegram_drafts.LOOK_EVERY, listening.SWEEP_EVERY = max(1.0, 15.0 * scale), max(1.0, 30.0 * scale)
