"""Slack's names of emoji and the pictures themselves, both ways."""

from __future__ import annotations

import re

# The ones people really use; others stay as :name:, which can be read as well. The first name of a picture is the one we set.
_TABLE = {
    "smile": "😄", "smiley": "😃", "grinning": "😀", "grin": "😁", "laughing": "😆", "satisfied": "😆", "joy": "😂",
    "rolling_on_the_floor_laughing": "🤣", "rofl": "🤣", "slightly_smiling_face": "🙂", "upside_down_face": "🙃", "wink": "😉",
    "blush": "😊", "innocent": "😇", "heart_eyes": "😍", "star-struck": "🤩", "smiling_face_with_3_hearts": "🥰", "kissing_heart": "😘",
    "thinking_face": "🤔", "sweat_smile": "😅", "sunglasses": "😎", "neutral_face": "😐", "expressionless": "😑", "no_mouth": "😶",
    "face_with_rolling_eyes": "🙄", "confused": "😕", "worried": "😟", "disappointed": "😞", "cry": "😢", "sob": "😭", "angry": "😠",
    "rage": "😡", "triumph": "😤", "open_mouth": "😮", "astonished": "😲", "scream": "😱", "flushed": "😳", "pensive": "😔",
    "tired_face": "😫", "weary": "😩", "sleeping": "😴", "sweat": "😓", "grimacing": "😬", "hugging_face": "🤗", "hugs": "🤗",
    "stuck_out_tongue": "😛",
    "stuck_out_tongue_winking_eye": "😜", "zany_face": "🤪", "relaxed": "☺️", "yum": "😋", "relieved": "😌", "smirk": "😏",
    "partying_face": "🥳", "pleading_face": "🥺", "exploding_head": "🤯", "shushing_face": "🤫", "zipper_mouth_face": "🤐", "salute": "🫡",
    "+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "wave": "👋", "clap": "👏", "pray": "🙏", "ok_hand": "👌", "fist": "✊",
    "muscle": "💪", "raised_hands": "🙌", "raised_hand": "✋", "hand": "✋", "v": "✌️", "crossed_fingers": "🤞", "point_right": "👉",
    "point_left": "👈", "point_up": "☝️", "point_up_2": "👆", "point_down": "👇", "handshake": "🤝", "heart_hands": "🫶", "shrug": "🤷",
    "facepalm": "🤦", "heart": "❤️", "orange_heart": "🧡", "yellow_heart": "💛", "green_heart": "💚", "blue_heart": "💙",
    "purple_heart": "💜", "black_heart": "🖤", "white_heart": "🤍", "broken_heart": "💔", "two_hearts": "💕", "sparkling_heart": "💖",
    "tada": "🎉", "confetti_ball": "🎊", "balloon": "🎈", "birthday": "🎂", "trophy": "🏆", "medal": "🏅", "fire": "🔥", "star": "⭐",
    "star2": "🌟", "sparkles": "✨", "rocket": "🚀", "100": "💯", "boom": "💥", "zap": "⚡", "eyes": "👀", "brain": "🧠", "skull": "💀",
    "white_check_mark": "✅", "heavy_check_mark": "✔️", "ballot_box_with_check": "☑️", "x": "❌", "no_entry": "⛔", "no_entry_sign": "🚫",
    "warning": "⚠️", "question": "❓", "exclamation": "❗", "heavy_exclamation_mark": "❗", "information_source": "ℹ️", "sos": "🆘",
    "heavy_plus_sign": "➕", "ok": "🆗", "new": "🆕", "bulb": "💡", "package": "📦", "truck": "🚚", "email": "📧", "phone": "☎️",
    "lock": "🔒", "unlock": "🔓", "key": "🔑", "bell": "🔔", "hourglass": "⌛", "hourglass_flowing_sand": "⏳", "alarm_clock": "⏰",
    "calendar": "📅", "link": "🔗", "paperclip": "📎", "credit_card": "💳", "moneybag": "💰", "gift": "🎁", "sunny": "☀️", "coffee": "☕",
    "beer": "🍺", "pizza": "🍕", "cake": "🍰", "cat": "🐱", "dog": "🐶", "unicorn_face": "🦄", "rainbow": "🌈", "four_leaf_clover": "🍀",
    "arrow_right": "➡️", "arrow_left": "⬅️", "arrow_up": "⬆️", "arrow_down": "⬇️", "memo": "📝", "pencil": "📝", "mag": "🔍", "bug": "🐛",
    "wrench": "🔧", "hammer": "🔨", "gear": "⚙️", "computer": "💻", "iphone": "📱", "camera": "📷", "red_circle": "🔴",
    "large_orange_circle": "🟠", "large_yellow_circle": "🟡", "large_green_circle": "🟢", "large_blue_circle": "🔵", "speech_balloon": "💬",
}  # fmt: skip
_NAMES: dict[str, str] = {}
for _name, _picture in _TABLE.items():
    _NAMES.setdefault(_picture.replace("\ufe0f", ""), _name)
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")


def picture(name: str) -> str:
    """The emoji called ``name`` (a skin colour after it does not matter), or empty: the workspace's own, or one that is not known."""
    return _TABLE.get(name.partition("::")[0], "")


def name_of(emoji: str) -> str:
    """What Slack calls an emoji, or empty."""
    return _NAMES.get(_SKIN.sub("", emoji), "")
