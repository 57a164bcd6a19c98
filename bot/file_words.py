"""Files in words: for models, transcripts, cards and desks that cannot show them. No I/O."""

from __future__ import annotations

from dataclasses import replace

from bot.messages import FileView, MessageView


def in_brackets(file: FileView) -> str:
    """``[file: photo.jpg, image/jpeg]``, or why it is not there."""
    return f"[{file.problem}]" if file.problem else f"[file: {file.name}, {file.type}]"


def with_files(message: MessageView) -> MessageView:
    """The message with a line for each of its files below its text."""
    if not message.files:
        return message
    return replace(message, text="\n".join(filter(None, [message.text, *map(in_brackets, message.files)])))


def problems(message: MessageView) -> str:
    """The sentences about its files that were not taken or are gone."""
    return "\n".join(file.problem for file in message.files if file.problem)
