"""The scopes that the app needs, as in ``slack-manifest.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NEEDED = ("channels:history", "channels:read", "chat:write", "metadata.message:read", "users:read")
"""Without one of these nothing works, or not as it must: without ``metadata.message:read`` our own messages cannot be found again,
and whatever lost its answer would be posted twice. A private channel needs ``groups:history`` and ``groups:read`` as well."""
USEFUL = {
    "commands": "there is no /desk, and no Canned reply or Create ticket in a message's menu",
    "dnd:read": "do-not-disturb is not seen: an agent who wants quiet counts as there",
    "im:history": "a message to an agent comes twice when the answer to the first was lost",
    "im:write": "agents are written to only where Slack takes their id instead of a conversation",
    "chat:write.customize": "customers' messages stand under the app's own name",
    "files:read": "files of agents do not reach customers",
    "files:write": "customers' files are shown as links",
    "reactions:read": "agents' emoji do not reach customers",
    "reactions:write": "replies carry no marks for sent and failed",
}
"""What is missed without each of these; everything else works."""


def missing_scopes(headers: Mapping[str, str]) -> list[str]:
    """Which of :data:`NEEDED` a token lacks, by the headers of any answer; empty when Slack (or a gateway) does not say."""
    return _missing(headers, NEEDED)


def missed(headers: Mapping[str, str]) -> dict[str, str]:
    """Which of :data:`USEFUL` a token lacks, and what that means."""
    return {one: USEFUL[one] for one in _missing(headers, USEFUL)}


def _missing(headers: Mapping[str, str], wanted: Iterable[str]) -> list[str]:
    said = {name.lower(): value for name, value in headers.items()}.get("x-oauth-scopes")
    if said is None:
        return []
    given = {one.strip() for one in said.split(",")}
    return [one for one in wanted if one not in given]
