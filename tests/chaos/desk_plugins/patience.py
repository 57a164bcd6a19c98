"""Scales the patience of the Slack desk for a proof of minutes: a lost answer is looked up after seconds, not after half a minute.

Nothing else is changed: which step follows which, and what is committed before what, is the product's.
"""

from __future__ import annotations

import os

from bot import Limits, deliver
from channels.slack import _web, workspace

scale = float(os.environ.get("CHAOS_PATIENCE", "1"))
shortest = float(os.environ.get("CHAOS_POST_SECONDS", "4.5"))
deliver.GRACE_EXTRA *= scale
# The pace of a channel is not scaled, and a post may wait two seconds for it.
_web.TIMEOUT = max(2, round(_web.TIMEOUT * scale))
workspace.SlackDesk.limits = Limits(max_text=workspace.MAX_TEXT, timeout=max(shortest, 15.0 * scale))
workspace.SlackDesk.catch_up_per_minute = 20 / scale
