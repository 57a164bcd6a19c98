"""What admins tell the AI and have said to customers: prompts with versions, changed by ``deskhand prompts``.

The settings of this plugin are older than the versions. They still count where nothing was published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot import PluginInfo, Prompt, Settings, StoreUnavailable, TurnContext, hookimpl, published_values, setting

if TYPE_CHECKING:
    import click

PLUGIN = PluginInfo(
    title="Prompts",
    summary="What the AI is told and what customers are greeted with, with versions: deskhand prompts.",
    on=True,
)


class PromptSettings(Settings):
    """Empty values leave what the site or the provider has. A value that was published (``deskhand prompts``) goes before."""

    instructions: str = setting(
        "",
        max_length=8_000,
        label="Instructions",
        help="Added to the AI's system prompt: tone, names, what to promise and what never to say.",
    )
    temperature: float | None = setting(
        None, ge=0, le=2, label="Temperature", help="0 is exact, 1 is lively. Only for providers that have it."
    )
    max_tokens: int | None = setting(None, ge=50, le=8_000, label="Longest answer", help="In tokens of the provider.")
    history: int | None = setting(
        None, ge=1, le=200, label="Remembered messages", help="The last messages of the conversation that the AI sees."
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return PromptSettings


@hookimpl
def before_ai(settings: PromptSettings, prompt: Prompt, turn: TurnContext) -> Prompt | None:
    set_here = {
        name: value for name in PromptSettings.model_fields if (value := getattr(settings, name)) not in (None, "")
    }
    if not set_here:
        return None
    try:
        published = published_values(turn.site)
    except StoreUnavailable:
        return None  # nobody knows now what was published: better nothing than something that was replaced
    return with_settings(prompt, {name: value for name, value in set_here.items() if name not in published})


def with_settings(prompt: Prompt, values: dict[str, object]) -> Prompt:
    """The prompt with values of the settings."""
    changes: dict[str, Any] = {name: values[name] for name in ("temperature", "max_tokens") if name in values}
    if "instructions" in values:
        changes["system"] = f"{prompt.system}\n\n{values['instructions']}"
    if "history" in values:
        changes["messages"] = prompt.messages[-int(str(values["history"])) :]
    return replace(prompt, **changes)


@hookimpl
def commands(settings: PromptSettings) -> Sequence[click.Command]:
    from plugins.prompts.command_line import prompts_command

    return [prompts_command(settings.model_dump())]
