"""The scopes that the app needs, as in ``slack-manifest.yaml``."""

from __future__ import annotations

from collections.abc import Mapping

NEEDED = (
    "channels:history",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "reactions:write",
    "users:read",
)
"""For public channels. A private one needs ``groups:history`` and ``groups:read`` as well; the manifest asks for them."""


def missing_scopes(headers: Mapping[str, str]) -> list[str]:
    """Which of :data:`NEEDED` a token lacks, by the headers of any answer; empty when Slack (or a gateway) does not say."""
    said = {name.lower(): value for name, value in headers.items()}.get("x-oauth-scopes")
    if said is None:
        return []
    given = {one.strip() for one in said.split(",")}
    return [one for one in NEEDED if one not in given]
