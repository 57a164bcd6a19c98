"""What went wrong, in one of the three kinds the outbox knows. Nothing of a request, and so no token, gets into the words."""

from __future__ import annotations

from typing import Any

from bot import ChannelDown, DeliveryFailure, PermanentFailure, TemporaryFailure, Uncertain

from .scopes import NEEDED

_RENEW = (
    "Put the current tokens of the app into SLACK_BOT_TOKEN and SLACK_APP_TOKEN. "
    "Nothing is lost: everything waits until then, and customers are told that nobody is connected."
)
_MEMBER = "Invite the app to the channel (in the channel: /invite @Deskhand), or set SLACK_CHANNEL to one it is in."

DOWN = {
    "invalid_auth": f"Slack does not accept the token. {_RENEW}",
    "not_authed": f"Slack got no token. {_RENEW}",
    "token_revoked": f"The token was revoked. {_RENEW}",
    "token_expired": f"The token has expired. {_RENEW}",
    "account_inactive": f"The app was removed from the workspace. Install it again. {_RENEW}",
    "not_allowed_token_type": f"This is the wrong kind of token. {_RENEW}",
    "team_access_not_granted": f"The app is not installed in this workspace. Install it again. {_RENEW}",
}
"""Nothing works until an admin acts."""
PLACE = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "restricted_action_read_only_channel"}
)
"""Nothing works in one channel. If it is the desk's own, that is the same."""
GONE = frozenset({"thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"})
"""The thread cannot be written into any more."""
PERMANENT = {
    "channel_not_found": f"Slack does not know the channel, or it is private and the app is not in it. {_MEMBER}",
    "not_in_channel": f"The app is not a member of the channel. {_MEMBER}",
    "is_archived": "The channel is archived. Take it out of the archive in Slack, or set SLACK_CHANNEL to another one.",
    "msg_too_long": "The message is longer than Slack takes. Shorten it and send it again.",
    "msg_blocks_too_long": "The message is longer than Slack takes. Shorten it and send it again.",
    "invalid_blocks": "Slack does not accept the form of this message. Please report this with the delivery's key.",
    "invalid_blocks_format": "Slack does not accept the form of this message. Please report this with the delivery's key.",
    "no_text": "There is no text to send.",
    "cant_update_message": "Slack lets nobody else change this message. Write a new one instead.",
    "edit_window_closed": "The workspace does not allow to change messages any more after some time. Write a new one instead.",
    "message_not_found": "The message is not there any more: somebody deleted it in Slack. Write a new one instead.",
    "cant_delete_message": "Slack lets nobody else delete this message. An admin of the workspace can.",
    "thread_not_found": "The thread is not there any more: somebody deleted its first message in Slack.",
    "cannot_reply_to_message": "The thread is not there any more, or cannot be replied to.",
    "restricted_action": "An admin of the workspace does not allow the app to post here. Ask them, or set another SLACK_CHANNEL.",
    "restricted_action_read_only_channel": "The channel is read-only for the app. Ask an admin of the workspace.",
    "restricted_action_thread_locked": "The thread was locked by an admin of the workspace.",
    "user_not_in_channel": "The person is not in the channel.",
    "invalid_thread_ts": "The thread is not there any more: somebody deleted it in Slack.",
    "file_upload_size_restricted": "The file is larger than this workspace allows. Nothing was posted.",
    "storage_limit_reached": "The workspace has no room for more files. An admin of the workspace can make some. Nothing was posted.",
    "posting_to_channel_denied": "The workspace does not allow files in this channel. Ask an admin of the workspace.",
    "slack_connect_file_link_sharing_blocked": "Files may not be shared with the other company in this channel.",
}  # fmt: skip


class Refused(PermanentFailure):
    """Slack said no, with a word for it."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


_BUSY = {"team_added_to_org", "service_unavailable", "request_timeout", "accesslimited"}
_PERHAPS = {"internal_error", "fatal_error", "org_login_required"}


def failure_of(error: BaseException) -> DeliveryFailure:
    """Say which kind an exception of the SDK is. The outbox decides what follows."""
    import aiohttp
    from slack_sdk.errors import SlackApiError

    if isinstance(error, DeliveryFailure):
        return error
    if isinstance(error, SlackApiError):
        return _refused(error.response)
    # ConnectionTimeoutError is a TimeoutError, too, but then no byte of the request has left.
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return TemporaryFailure("Slack cannot be reached (no connection)")
    if isinstance(error, TimeoutError):
        return Uncertain("Slack did not answer in time")
    return Uncertain(f"the connection to Slack broke ({type(error).__name__})")


def _refused(response: Any) -> DeliveryFailure:
    status = int(getattr(response, "status_code", 0) or 0)
    code = code_of(response)
    if status == 429 or code in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
        return TemporaryFailure("Slack asked for a pause", retry_after(response))
    if status >= 500 or code in _PERHAPS:
        return Uncertain(f"Slack had a fault of its own ({code or status})")
    if code in _BUSY:
        return TemporaryFailure(f"Slack is busy ({code})")
    if code == "missing_scope":
        return _lacking(str(_data(response).get("needed", ""))[:100])
    if code in DOWN:
        return ChannelDown(f"{DOWN[code]} ({code})")
    if code in PERMANENT:
        return Refused(f"{PERMANENT[code]} ({code})", code)
    return Refused(f"Slack refused it: {code or f'status {status}'}. Nothing was sent.", code)


def _lacking(needed: str) -> DeliveryFailure:
    text = (
        f"The app may not do this: it lacks the scope {needed}. Add it on the app's page (OAuth & Permissions) and "
        "install the app again; slack-manifest.yaml has all of them."
    )
    if set(needed.split(",")) & {*NEEDED, "groups:history", "groups:read"}:
        return ChannelDown(f"{text} Nothing is lost: everything waits until then.")
    return Refused(text, "missing_scope")


def needed_scope(error: BaseException) -> str:
    """The scope for want of which Slack refused, or empty."""
    response = getattr(error, "response", None)
    return str(_data(response).get("needed", "?")) if code_of(response) == "missing_scope" else ""


def _data(response: Any) -> dict[str, Any]:
    data = getattr(response, "data", response)
    return data if isinstance(data, dict) else {}


def code_of(response: Any) -> str:
    """Slack's word for what went wrong, or empty."""
    return str(_data(response).get("error", ""))[:80]


def retry_after(response: Any) -> float:
    """Seconds, at least one."""
    headers = getattr(response, "headers", None) or {}
    value = headers.get("Retry-After") or headers.get("retry-after") or "1"
    try:
        return max(1.0, min(float(value), 3600.0))
    except ValueError:
        return 1.0
