"""OpenAI's models. Needs a key from platform.openai.com."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from bot import AIProvider, PluginInfo, Settings, hookimpl, setting

from ._chat_completions import ChatCompletions, Dialect
from ._keys import Address, Key
from ._sdk import prove

PLUGIN = PluginInfo(
    title="OpenAI",
    summary="Answers with OpenAI's models.",
)

ADDRESS = "https://api.openai.com/v1"
# These think before they answer, and then refuse tools on chat completions unless thinking is switched off by name.
_THINKING = re.compile(r"gpt-(5\.[1-9]|[6-9])")


class OpenAISettings(Settings):
    """The key is all that is needed."""

    key: Key = setting(env="OPENAI_API_KEY", label="API key", help="From platform.openai.com, API keys.")
    model: str = setting("gpt-5.5", env="DESKHAND_OPENAI_MODEL", label="Model", min_length=1, max_length=100)
    base_url: Address = setting(
        "", env="OPENAI_BASE_URL", label="Address", help="Only for a gateway of your own. Empty: OpenAI itself."
    )
    effort: Literal["auto", "none", "minimal", "low", "medium", "high"] = setting(
        "auto",
        env="DESKHAND_OPENAI_EFFORT",
        label="Reasoning effort",
        help="auto answers at once. More effort makes the customer wait, costs more, and gives up quick replies and the "
        "model's own wish for a person, because OpenAI then allows no tools.",
    )
    embedding_model: str = setting(
        "text-embedding-3-small",
        env="DESKHAND_OPENAI_EMBEDDING_MODEL",
        label="Embedding model",
        help="Turns texts into vectors, where the knowledge base is told to use them. Empty: this provider does not.",
        max_length=100,
    )


class OpenAI(ChatCompletions):
    """OpenAI's chat completions."""

    name: ClassVar[str] = "openai"


@hookimpl
def settings_schema() -> type[Settings]:
    return OpenAISettings


@hookimpl
def ai_provider(settings: OpenAISettings) -> AIProvider:
    extra: dict[str, Any] = {}
    tools = True
    if settings.effort == "auto":
        if _THINKING.match(settings.model):
            extra["reasoning_effort"] = "none"
    else:
        extra["reasoning_effort"] = settings.effort
        tools = settings.effort == "none"
    dialect = Dialect(tools=tools, extra=extra)
    key = settings.key.get_secret_value()
    return OpenAI(
        model=settings.model,
        key=key,
        base_url=settings.base_url or ADDRESS,
        dialect=dialect,
        embedding_model=settings.embedding_model,
    )


@hookimpl
def health_check(settings: OpenAISettings) -> str:
    return prove(ai_provider(settings))
