"""Discord's limits: buckets per route and channel, 50 requests a second, and what a message may look like.

Written from its documentation and not from our code.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any

BUCKETS = {
    "POST /channels/*/messages": (5, 5.0),
    "PATCH /channels/*/messages/*": (5, 5.0),
    "DELETE /channels/*/messages/*": (5, 1.0),
    "PUT /channels/*/messages/*/reactions/*/@me": (1, 0.25),
    "DELETE /channels/*/messages/*/reactions/*/@me": (1, 0.25),
    "POST /channels/*/typing": (5, 5.0),
    "POST /channels/*/threads": (10, 10.0),
}
GLOBAL = 50


class Buckets:
    """Fixed windows, as Discord's."""

    def __init__(self, on: bool = True) -> None:
        self.on = on
        self._windows: dict[tuple[str, str], tuple[int, float]] = {}
        self._second: tuple[int, float] = (0, 0.0)

    def take(self, route: str, major: str, *, counted: bool) -> tuple[dict[str, str], float, bool]:
        """Headers, seconds to wait (0: go on), and whether the limit is that of all routes."""
        headers = {"Via": "1.1 google"}
        if not self.on:
            return headers, 0.0, False
        now = time.monotonic()
        if counted:
            used, since = self._second
            if now - since >= 1:
                used, since = 0, now
            if used >= GLOBAL:
                return {**headers, "X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}, 1 - (now - since), True
            self._second = (used + 1, since)
        most, seconds = BUCKETS.get(route, (0, 0.0))
        if not most:
            return headers, 0.0, False
        used, ends = self._windows.get((route, major), (0, 0.0))
        if now >= ends:
            used, ends = 0, now + seconds
        over = used >= most
        if not over:
            used += 1
        self._windows[route, major] = (used, ends)
        headers |= {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(most - used),
            "X-RateLimit-Reset-After": f"{ends - now:.3f}",
            "X-RateLimit-Bucket": hashlib.md5(route.encode(), usedforsecurity=False).hexdigest()[:16],
        }
        return headers, (ends - now if over else 0.0), False


def wrong_message(body: dict[str, Any], *, files: int = 0, creating: bool = True) -> str:
    """Empty, or what Discord would not take."""
    content = body.get("content")
    if content is not None and len(content) > 2_000:
        return f"content of {len(content)} characters"
    if creating and not (content or "").strip() and not files:
        return "empty"
    if len(str(body.get("nonce") or "")) > 25:
        return "nonce"
    rows = body.get("components") or []
    if len(rows) > 5:
        return "more than 5 rows"
    seen: set[str] = set()
    for row in rows:
        buttons = row.get("components") or []
        if row.get("type") != 1 or not 1 <= len(buttons) <= 5:
            return "row"
        for one in buttons:
            custom = one.get("custom_id") or ""
            if (
                one.get("type") != 2
                or not 1 <= len(custom) <= 100
                or custom in seen
                or not 1 <= len(one.get("label") or "") <= 80
            ):
                return f"button {one!r:.80}"
            seen.add(custom)
    return ""


def pings(body: dict[str, Any]) -> list[str]:
    """Who is pinged by a message: users, roles, everyone. Without ``allowed_mentions`` all that are named are."""
    content = str(body.get("content") or "")
    allowed = body.get("allowed_mentions")
    parse = set(allowed.get("parse", [])) if isinstance(allowed, dict) else {"users", "roles", "everyone"}
    users = set(allowed.get("users", [])) if isinstance(allowed, dict) else set()
    plain = re.sub(r"\\.|`[^`]*`", "", content)
    found = [one for one in re.findall(r"<@!?(\d+)>", plain) if "users" in parse or one in users]
    if "roles" in parse:
        found += re.findall(r"<@&(\d+)>", plain)
    if "everyone" in parse:
        found += re.findall(r"@(everyone|here)", plain)
    return found
