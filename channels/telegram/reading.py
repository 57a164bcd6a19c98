"""What an update says, as plain data: events for the core, files to fetch, sentences for the person. No I/O.

Whatever is not understood is named and left out: an update from the future, a poll, a sticker or a join never stops what comes after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot import Inbound, Profile

from .addressed import to_us, with_quote, without_mention
from .commands import Command, command_of
from .places import Moves, Spot

CHANNEL = "telegram"
HONEST = "I can read text, photos, documents and voice messages, but not this. Please write it in words."
_IGNORED = (
    "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo", "group_chat_created",
    "supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed", "pinned_message", "forum_topic_created",
    "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden", "general_forum_topic_unhidden",
    "video_chat_started", "video_chat_ended", "video_chat_scheduled", "video_chat_participants_invited", "write_access_allowed",
    "boost_added", "chat_background_set", "users_shared", "chat_shared", "connected_website", "proximity_alert_triggered",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who we are."""

    id: int
    username: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file that came with a message."""

    id: str
    name: str
    type: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that was pressed: it must be answered, or it spins."""

    id: str
    chat: int
    message: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One thing that an update says. Without an event: ``say`` a sentence, or nothing but a reason for the log."""

    place: str = ""
    event: Inbound | None = None
    files: tuple[Wanted, ...] = ()
    say: str = ""
    reply_to: int = 0
    """The message that a sentence, and later the answer, belongs to."""
    press: Press | None = None
    instead: Inbound | None = None
    """The same event as the platform may also mean it, should the first be refused."""
    ignored: str = ""


@dataclass
class Reader:
    """Reads updates for one bot. It learns only which group became which."""

    me: Me
    moves: Moves = field(default_factory=Moves)

    def read(self, update: dict[str, Any]) -> list[Heard]:
        """Never raises: what cannot be read is ``ignored``."""
        try:
            return self._read(update)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return [Heard(ignored=f"not understood ({type(error).__name__})")]

    def _read(self, update: dict[str, Any]) -> list[Heard]:
        if "message" in update:
            return self._message(update["message"])
        if "edited_message" in update:
            return self._edited(update["edited_message"])
        if "callback_query" in update:
            return [self._pressed(update["callback_query"])]
        if "message_reaction" in update:
            return self._reacted(update["message_reaction"])
        kinds = [str(name) for name in update if name != "update_id"]
        return [Heard(ignored=f"a kind of update we have no use for ({', '.join(kinds)[:60] or 'empty'})")]

    # Messages -------------------------------------------------------------------------------------------------------

    def _message(self, message: dict[str, Any]) -> list[Heard]:
        chat = message["chat"]
        if message.get("migrate_to_chat_id"):
            self.moves.learn(int(chat["id"]), int(message["migrate_to_chat_id"]))
            return [Heard(ignored="the group became a supergroup")]
        if message.get("migrate_from_chat_id"):
            self.moves.learn(int(message["migrate_from_chat_id"]), int(chat["id"]))
            return [Heard(ignored="the group became a supergroup")]
        why = _not_for_us(message) or (
            "" if to_us(message, self.me.id, self.me.username) else "others talk in the group"
        )
        if why:
            return [Heard(ignored=why)]
        spot = self._spot(message)
        text = without_mention(str(message.get("text") or message.get("caption") or ""), self.me.username)
        files = _files(message)
        order = command_of(text, self.me.username) if not files else None
        if order is not None:
            return self._order(message, spot, order)
        if not text and not files:
            say = HONEST if not spot.shared or "text" not in message else "Please write your question after my name."
            return [Heard(place=str(spot), say=say, reply_to=message["message_id"], ignored="nothing that we can read")]
        event = self._event(message, spot, text=with_quote(message, self.me.id, text))
        return [Heard(place=str(spot), event=event, files=files, reply_to=message["message_id"])]

    def _order(self, message: dict[str, Any], spot: Spot, order: Command) -> list[Heard]:
        heard: list[Heard] = []
        number = int(message["message_id"])
        if order.say:
            heard.append(Heard(place=str(spot), say=order.say, reply_to=number))
        events = []
        if order.text:
            event = self._event(message, spot, text=order.text)
            events.append(Heard(place=str(spot), event=event, reply_to=number))
        if order.kind:
            event = self._event(message, spot, kind=order.kind, text=order.code, tail=":c" if order.text else "")
            asked = Heard(place=str(spot), event=event, reply_to=number, say=order.then)
            events.insert(0 if order.first else len(events), asked)
        return [*heard, *events]

    def _edited(self, message: dict[str, Any]) -> list[Heard]:
        why = _not_for_us(message)
        text = without_mention(str(message.get("text") or message.get("caption") or ""), self.me.username)
        if why or not text:
            return [Heard(ignored=why or "an edit without words")]
        text = with_quote(message, self.me.id, text)
        spot = self._spot(message)
        subject = self._key(message)
        # Two edits within a second have the same date: the words tell them apart, and are the same in a redelivery.
        words = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        tail = f":e{int(message.get('edit_date') or 0)}-{words}"
        event = replace(self._event(message, spot, kind="edit", text=text, tail=tail), subject=subject)
        return [Heard(place=str(spot), event=event)]

    # Buttons and reactions ------------------------------------------------------------------------------------------

    def _pressed(self, query: dict[str, Any]) -> Heard:
        message, data = query.get("message"), str(query.get("data") or "")
        if not message or not data:
            press = Press(id=str(query["id"]), chat=0, message=0)
            return Heard(press=press, ignored="a button without a message")
        person, chat, number = query["from"], int(message["chat"]["id"]), int(message["message_id"])
        press = Press(id=str(query["id"]), chat=chat, message=number)
        spot = self._spot({**message, "from": person})
        # Not the query's id: pressed twice in a hurry is pressed once.
        key = f"tg:{self.me.id}:{chat}:{number}:b{int(person['id'])}:{data}"
        event = Inbound(
            channel=CHANNEL, key=key, external_id=str(person["id"]), place=str(spot), kind="button", text=data, shared=spot.shared,
            profile=_profile(person), subject=self.moves.platform_id(chat, number),
        )  # fmt: skip
        return Heard(place=str(spot), event=event, press=press)

    def _reacted(self, change: dict[str, Any]) -> list[Heard]:
        person = change.get("user")
        if not person or person.get("is_bot"):
            return [Heard(ignored="a reaction of nobody we know")]
        chat, number = int(change["chat"]["id"]), int(change["message_id"])
        before, after = _emoji(change.get("old_reaction")), _emoji(change.get("new_reaction"))
        spot = Spot(self.moves.home(chat), 0, int(person["id"]) if chat < 0 else 0)
        heard = []
        for gone, emoji in [(True, one) for one in before if one not in after] + [
            (False, one) for one in after if one not in before
        ]:
            event = Inbound(
                channel=CHANNEL, key=f"tg:{self.me.id}:{chat}:{number}:r{person['id']}:{change.get('date', 0)}:{int(gone)}{emoji}",
                external_id=str(person["id"]), place=str(spot), kind="reaction", text=emoji, gone=gone, shared=spot.shared,
                profile=_profile(person), subject=self.moves.platform_id(chat, number), anywhere=spot.shared,
            )  # fmt: skip
            # Telegram does not say whose message it is on.
            theirs = replace(event, key=event.key + "m", subject=f"tg:{self.me.id}:{chat}:{number}")
            heard.append(Heard(place=str(spot), event=event, instead=theirs))
        return heard or [Heard(ignored="a reaction that is no emoji")]

    # Parts ----------------------------------------------------------------------------------------------------------

    def _spot(self, message: dict[str, Any]) -> Spot:
        chat = int(message["chat"]["id"])
        # In groups without topics every thread of replies has a number, too: that is no topic.
        topic = int(message.get("message_thread_id") or 0) if message.get("is_topic_message") else 0
        return Spot(self.moves.home(chat), topic, int(message["from"]["id"]) if chat < 0 else 0)

    def _key(self, message: dict[str, Any]) -> str:
        return f"tg:{self.me.id}:{int(message['chat']['id'])}:{int(message['message_id'])}"

    def _event(
        self, message: dict[str, Any], spot: Spot, *, kind: Any = "message", text: str = "", tail: str = ""
    ) -> Inbound:
        return Inbound(
            channel=CHANNEL,
            key=self._key(message) + tail,
            external_id=str(message["from"]["id"]),
            place=str(spot),
            text=text,
            kind=kind,
            shared=spot.shared,
            profile=_profile(message["from"]),
        )


def _not_for_us(message: dict[str, Any]) -> str:
    """Why a message is none for us, or empty."""
    if message["chat"].get("type") not in {"private", "group", "supergroup"}:
        return "not a chat with people"
    if not message.get("from") or message.get("sender_chat") or message.get("is_automatic_forward"):
        return "written for a channel or by an anonymous admin"
    if message["from"].get("is_bot"):
        return "written by a bot"
    for one in _IGNORED:
        if one in message:
            return f"a service message ({one})"
    return ""


def _profile(person: dict[str, Any]) -> Profile:
    name = " ".join(str(person.get(part) or "") for part in ("first_name", "last_name")).strip()
    return Profile(
        name=(name or str(person.get("username") or ""))[:100], language=str(person.get("language_code") or "")
    )


def _emoji(reactions: Sequence[dict[str, Any]] | None) -> list[str]:
    return [str(one["emoji"]) for one in reactions or () if one.get("type") == "emoji" and one.get("emoji")]


_NAMES = {
    "voice": ("voice.ogg", "audio/ogg"), "video": ("video.mp4", "video/mp4"), "video_note": ("video.mp4", "video/mp4"),
    "audio": ("audio.mp3", "audio/mpeg"), "document": ("file", ""), "animation": ("animation.mp4", "video/mp4"),
}  # fmt: skip


def _files(message: dict[str, Any]) -> tuple[Wanted, ...]:
    photos = message.get("photo")
    if photos:
        best = max(photos, key=lambda one: int(one.get("width") or 0) * int(one.get("height") or 0))
        name = f"photo-{message['message_id']}.jpg"
        return (Wanted(id=str(best["file_id"]), name=name, type="image/jpeg", size=int(best.get("file_size") or 0)),)
    for kind, (name, media) in _NAMES.items():
        found = message.get(kind)
        if found and not (kind == "animation" and message.get("document")):
            return (
                Wanted(
                    id=str(found["file_id"]),
                    name=str(found.get("file_name") or name)[:200],
                    type=str(found.get("mime_type") or media),
                    size=int(found.get("file_size") or 0),
                ),
            )
    return ()
