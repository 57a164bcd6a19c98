"""``POST /w/files``: a visitor brings a file, and then names it in a message. One file for each request, as a form."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, request
from flask_openapi3 import APIBlueprint, FileStorage, Tag
from gevent.lock import Semaphore
from pydantic import BaseModel, ConfigDict, Field

from bot import allow_large, largest_upload, room_for_uploads, take_upload
from web_widget import rest_models as models
from web_widget.chat import Chat
from web_widget.frames import FrameError, file_body, too_fast
from web_widget.rest import Rest, told

AT_ONCE = 4
"""Files that are judged at the same time: each is whole in memory meanwhile, and others need the threads, too."""

_TAG = Tag(name="files", description="Send files with messages.")
_PROBLEMS = {400: models.Error, 401: models.Error, 403: models.Error, 408: models.Error, 411: models.Error, 413: models.Error,
             422: models.Error, 429: models.Error, 503: models.Error, 507: models.Error}  # fmt: skip


class Form(BaseModel):
    """The form."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    file: FileStorage = Field(description="The file with its name. Send Content-Length.")


def add_routes(routes: APIBlueprint, app: Flask, chat: Chat) -> None:
    """Put the call beside the widget's files."""
    allow_large(app, "/w/files", largest_upload)
    rest = Rest(chat)
    gate = Semaphore(AT_ONCE)

    @routes.before_request
    def only_from_visitors() -> None:
        """Nothing of the body is read before we know who sends it."""
        if request.path == "/w/files" and request.method == "POST":
            _admit(rest, chat)

    @routes.post(
        "/w/files",
        tags=[_TAG],
        security=[{"visitor": []}],
        responses={200: models.StoredFile, **_PROBLEMS},
        operation_id="upload_file",
    )
    @told
    def upload(form: Form) -> dict[str, Any]:
        """Keep a file for a day, until a message names its id. What is wrong with it is said in one sentence."""
        with gate:
            taken = take_upload(
                g.visitor.contact_id, form.file.filename or "", form.file.mimetype, form.file.stream.read()
            )
        if taken.problem:
            raise FrameError("bad_file", taken.problem, field="file")
        return file_body(taken)

    @told
    def _admit(rest: Rest, chat: Chat) -> None:
        visitor, _ = rest.who()
        wait = chat.uploads.hit(visitor.id)
        if wait:
            raise too_fast(wait)
        if not room_for_uploads():
            raise FrameError(
                "no_room", "There is no room for files on our side right now. Your messages still arrive; send it again later.",
                field="file", final=False, retry_after=600,
            )  # fmt: skip
        request.max_content_length = largest_upload()
        g.visitor = visitor
