"""Files of the fake workspace: the three steps of an upload, and what is behind ``url_private``, with Slack's own oddities."""

from __future__ import annotations

import asyncio
import json
import secrets
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.served import hang_up
from tests.fakes.slack_methods import Arguments, Methods, Refuse, method
from tests.fakes.slack_state import APP_ID, BOT_ID, BOT_USER, Workspace

if TYPE_CHECKING:
    from tests.fakes.slack import FakeSlack

LOGIN = "<!DOCTYPE html><html><title>Slack</title><body>Sign in to Acme</body></html>"
LARGEST = 1_000_000_000


def new_file(space: Workspace, user: str, name: str, content: bytes, kind: str, **more: Any) -> dict[str, Any]:
    """A file that somebody uploaded, as Slack describes it in a message."""
    with space.lock:
        one = f"F{len(space.files) + 1:06d}"
        base = f"{space.base}files-pri/{space.team}-{one}/"
        space.contents[one] = content
        space.files[one] = {
            "id": one, "name": name, "title": name, "mimetype": kind, "size": len(content), "user": user, "mode": "hosted",
            "is_external": False, "url_private": base + name, "url_private_download": base + "download/" + name, "shares": {}, **more,
        }  # fmt: skip
        return deepcopy(space.files[one])


@method("files.getUploadURLExternal", "files:write")
def _get_url(self: Methods, arguments: Arguments) -> dict[str, Any]:
    name, length = str(arguments.get("filename") or ""), int(arguments.get("length") or 0)
    if not name or length <= 0 or len(name) > 255:
        raise Refuse("invalid_arguments")
    if length > self.space.largest_upload:
        raise Refuse("file_upload_size_restricted")
    token = secrets.token_hex(8)
    one = new_file(self.space, BOT_USER, name, b"", "application/octet-stream", waiting=True)["id"]
    self.space.uploads[token] = (one, length)
    return {"upload_url": f"{self.space.base}upload/v1/{token}", "file_id": one}


@method("files.completeUploadExternal", "files:write")
def _complete(self: Methods, arguments: Arguments) -> dict[str, Any]:
    wanted = arguments.get("files")
    wanted = json.loads(wanted) if isinstance(wanted, str) else wanted
    found = [self.space.files.get(str(one.get("id"))) for one in wanted or []]
    if not found or any(one is None or one.get("waiting") for one in found):
        raise Refuse("file_not_found")
    channel = self.channel({"channel": arguments.get("channel_id")}, open_=True)
    thread = str(arguments.get("thread_ts") or "")
    if thread and not channel.thread(thread):
        raise Refuse("invalid_thread_ts")
    if any(one["shares"] for one in found if one):
        raise Refuse("already_shared")
    ts = self.space.new_ts()
    message: dict[str, Any] = {
        "type": "message", "subtype": "file_share", "ts": ts, "user": BOT_USER, "bot_id": BOT_ID, "app_id": APP_ID,
        "text": str(arguments.get("initial_comment") or ""),
    }  # fmt: skip
    if thread:
        message |= {"thread_ts": thread, "parent_user_id": channel.messages[thread].get("user", "")}
        channel.messages[thread].setdefault("thread_ts", thread)
    kind = "private" if channel.is_private else "public"
    for one, asked in zip(found, wanted or [], strict=True):
        assert one is not None
        one["title"] = str(asked.get("title") or one["name"])
        one["shares"] = {kind: {channel.id: [{"ts": ts, **({"thread_ts": thread} if thread else {})}]}}
    message["files"] = [deepcopy({k: v for k, v in one.items() if k != "shares"}) for one in found if one]
    channel.messages[ts] = message
    self.space.note("posted", channel=channel.id, ts=ts, thread=thread, message=message, arguments=arguments)
    self.tell({**message, "channel": channel.id, "event_ts": ts})
    # Slack answers with ids alone; where they were shared is told by files.info, a little later.
    return {"files": [{"id": one["id"], "title": one["title"]} for one in found if one]}


@method("files.info", "files:read")
def _file_info(self: Methods, arguments: Arguments) -> dict[str, Any]:
    one = self.space.files.get(str(arguments.get("file", "")))
    if one is None:
        raise Refuse("file_not_found")
    if one.get("mode") == "tombstone":
        raise Refuse("file_deleted")
    return {"file": deepcopy(one)}


class Transfer:
    """The two ends where bytes flow. Not part of the Web API: other paths, other errors."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack, self.space = slack, slack.space

    async def take(self, request: web.Request) -> web.StreamResponse:
        """The POST to an upload address."""
        body = await request.read()
        if request.content_type.startswith("multipart/"):
            return web.Response(status=400, text="the fake takes plain bytes")
        token = request.match_info["token"]
        self.space.note("upload", size=len(body))
        fault = self.slack.faults.next("upload")
        if fault is not None:
            self.space.note("fault", kind=fault.kind, method="upload")
            if fault.kind == "drop_before":
                return hang_up(request)
            if fault.kind in {"500", "429"}:
                return web.Response(status=int(fault.kind), headers={"Retry-After": str(fault.retry_after)})
        with self.space.lock:
            one, length = self.space.uploads.get(token, ("", 0))
            if not one or len(body) != length:
                return web.Response(status=400, text="bad upload")
            self.space.contents[one] = body
            self.space.files[one]["size"] = len(body)
            self.space.files[one].pop("waiting", None)
        if fault is not None and fault.kind in {"drop_after", "500_after"}:
            return hang_up(request)
        return web.Response(text=f"OK - {len(body)}")

    async def give(self, request: web.Request) -> web.StreamResponse:
        """``url_private``: without the right token Slack shows its sign-in page, with status 200 after a redirect."""
        one = request.match_info["file"].rpartition("-")[2]
        given = request.headers.get("Authorization", "")
        self.space.note("download", file=one, authorized=bool(given))
        fault = self.slack.faults.next("download")
        if fault is not None:
            self.space.note("fault", kind=fault.kind, method="download")
            if fault.kind.startswith("drop"):
                return hang_up(request)
            if fault.kind == "slow_after":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "429":
                return web.Response(status=429, headers={"Retry-After": str(fault.retry_after)})
            else:
                return web.Response(status=500, text="oops")
        allowed = given == f"Bearer {self.space.bot_token}" and "files:read" in self.space.scopes
        if not allowed and not self.space.login_at_once:
            raise web.HTTPFound("/login")
        if not allowed:
            return web.Response(text=LOGIN, content_type="text/html")
        if one not in self.space.contents or self.space.files[one].get("mode") == "tombstone":
            return web.Response(status=404, text="gone")
        described = self.space.files[one]
        answer = web.StreamResponse(headers={"Content-Type": described["mimetype"]})
        if not self.space.no_length:
            answer.content_length = len(self.space.contents[one])
        await answer.prepare(request)
        content = self.space.contents[one]
        for start in range(0, len(content), 65_536):
            await answer.write(content[start : start + 65_536])
        await answer.write_eof()
        return answer

    async def login(self, _: web.Request) -> web.Response:
        return web.Response(text=LOGIN, content_type="text/html")
