"""Takes characters out of the AI's sight that people cannot see: tags, zero-width and direction controls.

They serve to hide instructions in a pasted text. The stored message stays as it was sent.
"""

from __future__ import annotations

from dataclasses import replace

from bot import MessageView, PluginInfo, hookimpl, strip_hidden

PLUGIN = PluginInfo(
    title="Hidden text", summary="The AI reads only what people can see in a customer's message.", on=True
)


@hookimpl
def filter_inbound(message: MessageView) -> MessageView:
    return replace(message, text=strip_hidden(message.text))
