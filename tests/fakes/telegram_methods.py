"""The methods of the Bot API that a support bot needs, as the platform answers them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.fakes.telegram_limits import MAX_CAPTION, REACTIONS, Refuse, check_markup, check_text
from tests.fakes.telegram_state import BOT_ID, PRIVATE_KINDS, World

PHOTO_MAX, FILE_MAX, FETCH_MAX = 10_000_000, 50_000_000, 20_000_000


class Methods:
    """Call one under the world's lock. ``called`` is told of a new webhook."""

    def __init__(self, world: World, called: Callable[[], None]) -> None:
        self.world = world
        self.called = called

    def call(self, name: str, data: dict[str, Any]) -> Any:
        method = getattr(self, "do_" + name, None)
        if method is None:
            raise Refuse("Not Found", 404)
        return method(data)

    # The bot itself -------------------------------------------------------------------------------------------------

    def do_getMe(self, _: dict[str, Any]) -> Any:
        return self.world.bot

    def do_setMyCommands(self, data: dict[str, Any]) -> Any:
        self.world.commands = list(data.get("commands") or ())
        return True

    def do_deleteWebhook(self, data: dict[str, Any]) -> Any:
        self.world.webhook = {}
        if data.get("drop_pending_updates"):
            self.world.note("dropped_pending", updates=[one["update_id"] for one in self.world.updates])
            self.world.updates.clear()
        return True

    def do_setWebhook(self, data: dict[str, Any]) -> Any:
        url = str(data.get("url") or "")
        if url and not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise Refuse("Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.world.webhook = {"url": url, "secret": str(data.get("secret_token") or "")} if url else {}
        self.world.allowed = tuple(data.get("allowed_updates") or PRIVATE_KINDS)
        self.called()
        return True

    def do_getWebhookInfo(self, _: dict[str, Any]) -> Any:
        at, words = self.world.webhook_error
        more = {"last_error_date": at, "last_error_message": words} if at else {}
        return {
            "url": self.world.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self.world.updates),
            "allowed_updates": list(self.world.allowed),
            **more,
        }

    # Messages -------------------------------------------------------------------------------------------------------

    def _chat(self, data: dict[str, Any]) -> int:
        try:
            chat = int(data["chat_id"])
        except (KeyError, ValueError):
            raise Refuse("Bad Request: chat_id is empty") from None
        if chat in self.world.moved:
            raise Refuse(
                "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.world.moved[chat]
            )
        if chat not in self.world.chats:
            raise Refuse("Bad Request: chat not found")
        if chat in self.world.blocked:
            words = "bot was blocked by the user" if chat > 0 else "bot was kicked from the supergroup chat"
            raise Refuse(f"Forbidden: {words}", 403)
        topic = int(data.get("message_thread_id") or 0)
        if topic and (chat, topic) in self.world.closed_topics:
            raise Refuse("Bad Request: message thread not found")
        return chat

    def _send(self, data: dict[str, Any], **content: Any) -> dict[str, Any]:
        chat = self._chat(data)
        markup = check_markup(data)
        more: dict[str, Any] = {"reply_markup": markup} if markup else {}
        topic = int(data.get("message_thread_id") or 0)
        if topic:
            more |= {"message_thread_id": topic, "is_topic_message": True}
        reply = (data.get("reply_parameters") or {}).get("message_id")
        if reply and reply in self.world.messages.get(chat, {}):
            more["reply_to_message"] = {"message_id": reply}
        elif reply and not data["reply_parameters"].get("allow_sending_without_reply"):
            raise Refuse("Bad Request: message to be replied not found")
        message = self.world.add(chat, self.world.bot, **content, **more)
        self.world.note("sent", chat=chat, message=message["message_id"], text=content.get("text", ""), topic=topic)
        return deepcopy(message)

    def do_sendMessage(self, data: dict[str, Any]) -> Any:
        self._chat(data)
        text = check_text(data)
        entities = {"entities": data["entities"]} if data.get("entities") else {}
        self.world.drafts.pop(int(data["chat_id"]), None)
        return self._send(data, text=text, preview=data.get("link_preview_options"), **entities)

    def do_sendMessageDraft(self, data: dict[str, Any]) -> Any:
        chat = self._chat(data)
        if chat < 0:
            raise Refuse("Bad Request: drafts are for private chats")
        if not int(data.get("draft_id") or 0):
            raise Refuse("Bad Request: DRAFT_ID_INVALID")
        text = check_text(data)
        self.world.drafts[chat] = {"id": int(data["draft_id"]), "text": text}
        self.world.note("draft", chat=chat, draft=int(data["draft_id"]), text=text)
        return True

    def _mine(self, data: dict[str, Any], otherwise: str, *, only_mine: bool = True) -> tuple[int, dict[str, Any]]:
        chat = self._chat(data)
        message = self.world.messages.get(chat, {}).get(int(data.get("message_id") or 0))
        if message is None:
            raise Refuse(f"Bad Request: {otherwise} not found")
        if only_mine and message["from"]["id"] != BOT_ID:
            raise Refuse("Bad Request: message can't be edited")
        return chat, message

    def do_editMessageText(self, data: dict[str, Any]) -> Any:
        chat, message = self._mine(data, "message to edit")
        text, markup = check_text(data), check_markup(data)
        entities = list(data.get("entities") or ())
        same = (message.get("text"), list(message.get("entities") or ()), message.get("reply_markup"))
        if (text, entities, markup) == same:
            raise Refuse(
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
                "current content and reply markup of the message"
            )
        message |= {"text": text, "edit_date": int(time.time()), "entities": entities}
        message.pop("reply_markup", None)
        if markup:
            message["reply_markup"] = markup
        self.world.note("edited", chat=chat, message=message["message_id"], text=text)
        return deepcopy(message)

    def do_editMessageReplyMarkup(self, data: dict[str, Any]) -> Any:
        _, message = self._mine(data, "message to edit")
        if message.get("reply_markup") == check_markup(data):
            raise Refuse("Bad Request: message is not modified")
        message.pop("reply_markup", None)
        return deepcopy(message)

    def do_deleteMessage(self, data: dict[str, Any]) -> Any:
        chat, message = self._mine(data, "message to delete", only_mine=False)
        if time.time() - message["date"] > 48 * 3600:
            raise Refuse("Bad Request: message can't be deleted for everyone")
        del self.world.messages[chat][message["message_id"]]
        self.world.note("deleted", chat=chat, message=message["message_id"])
        return True

    def do_setMessageReaction(self, data: dict[str, Any]) -> Any:
        chat, message = self._mine(data, "message to react", only_mine=False)
        emoji = [str(one.get("emoji")) for one in data.get("reaction") or ()]
        if len(emoji) > 1 or any(one not in REACTIONS for one in emoji):
            raise Refuse("Bad Request: REACTION_INVALID")
        message["bots_reaction"] = emoji
        self.world.note("reaction", chat=chat, message=message["message_id"], emoji=emoji)
        return True

    def do_sendChatAction(self, data: dict[str, Any]) -> Any:
        self.world.note("action", chat=self._chat(data), action=data.get("action"))
        return True

    def do_answerCallbackQuery(self, data: dict[str, Any]) -> Any:
        query = str(data.get("callback_query_id"))
        if query not in self.world.answers:
            raise Refuse("Bad Request: query is too old and response timeout expired or query ID is invalid")
        self.world.answers[query] = {"text": data.get("text") or "", "alert": bool(data.get("show_alert"))}
        return True

    # Files ----------------------------------------------------------------------------------------------------------

    def do_sendPhoto(self, data: dict[str, Any]) -> Any:
        name, content = self._upload(data, "photo", PHOTO_MAX)
        if not content.startswith((b"\x89PNG", b"\xff\xd8", b"RIFF")):
            raise Refuse("Bad Request: IMAGE_PROCESS_FAILED")
        file_id = self.keep(content)
        sizes = [
            {"file_id": file_id, "file_unique_id": file_id, "width": 640, "height": 480, "file_size": len(content)}
        ]
        return self._send(data, photo=sizes, upload=name, **self._caption(data))

    def do_sendDocument(self, data: dict[str, Any]) -> Any:
        name, content = self._upload(data, "document", FILE_MAX)
        file_id = self.keep(content)
        document = {"file_id": file_id, "file_unique_id": file_id, "file_name": name, "file_size": len(content)}
        return self._send(data, document=document, **self._caption(data))

    @staticmethod
    def _caption(data: dict[str, Any]) -> dict[str, Any]:
        return {"caption": check_text(data, MAX_CAPTION, "caption")} if data.get("caption") else {}

    @staticmethod
    def _upload(data: dict[str, Any], field: str, most: int) -> tuple[str, bytes]:
        found = data.get(field)
        if not isinstance(found, tuple):
            raise Refuse("Bad Request: wrong file identifier/HTTP URL specified")
        if len(found[1]) > most:
            raise Refuse("Bad Request: file is too big")
        return found

    def keep(self, content: bytes) -> str:
        """Store a file; its id."""
        file_id = "F" + hashlib.sha256(content).hexdigest()[:24]
        self.world.files[file_id] = content
        return file_id

    def do_getFile(self, data: dict[str, Any]) -> Any:
        file_id = str(data.get("file_id"))
        content = self.world.files.get(file_id)
        if content is None:
            raise Refuse("Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(content) > FETCH_MAX:
            raise Refuse("Bad Request: file is too big")
        return {
            "file_id": file_id,
            "file_unique_id": file_id,
            "file_size": len(content),
            "file_path": f"documents/{file_id}",
        }
