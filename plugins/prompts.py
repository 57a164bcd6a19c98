"""What admins may tell the AI, at run time: instructions of the house, temperature, length and how much it remembers."""

from __future__ import annotations

from dataclasses import replace

from bot import PluginInfo, Prompt, Settings, hookimpl, setting

PLUGIN = PluginInfo(
    title="Prompts",
    summary="Instructions, temperature, answer length and remembered messages, for all AI providers.",
    on=True,
)


class PromptSettings(Settings):
    """Empty values leave what the site or the provider has."""

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
def before_ai(settings: PromptSettings, prompt: Prompt) -> Prompt:
    if settings.instructions:
        prompt = replace(prompt, system=f"{prompt.system}\n\n{settings.instructions}")
    if settings.temperature is not None:
        prompt = replace(prompt, temperature=settings.temperature)
    if settings.max_tokens is not None:
        prompt = replace(prompt, max_tokens=settings.max_tokens)
    if settings.history is not None:
        prompt = replace(prompt, messages=prompt.messages[-settings.history :])
    return prompt
