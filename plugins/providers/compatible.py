"""Any server that speaks OpenAI's chat completions: Gemini, Mistral, Ollama, vLLM and many more."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import SecretStr, field_validator

from bot import AIProvider, PluginInfo, Settings, hookimpl, setting

from ._chat_completions import ChatCompletions, Dialect
from ._keys import Key
from ._sdk import prove

PLUGIN = PluginInfo(
    title="OpenAI-compatible server",
    summary="Answers with any server that speaks chat completions: Gemini, Mistral, Ollama, vLLM and others.",
)

KNOWN: dict[str, tuple[str, Dialect]] = {
    "gemini": (
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        Dialect(max_tokens_field="max_tokens", temperature=True),
    ),
    # Sends the token count unasked and refuses parameters that it does not know.
    "mistral": (
        "https://api.mistral.ai/v1",
        Dialect(include_usage=False, max_tokens_field="max_tokens", temperature=True),
    ),
    "ollama": ("http://127.0.0.1:11434/v1", Dialect(max_tokens_field="max_tokens", temperature=True, vision=False)),
    "vllm": ("http://127.0.0.1:8001/v1", Dialect(max_tokens_field="max_tokens", temperature=True, vision=False)),
}
OTHER = Dialect(max_tokens_field="max_tokens", temperature=True, vision=False)


class CompatibleSettings(Settings):
    """Address and model; the rest is known for gemini, mistral, ollama and vllm, and can be set for others."""

    base_url: str = setting(
        env="DESKHAND_COMPATIBLE_URL",
        label="Address",
        help="Where the server answers, up to and with /v1, or one of these names: gemini, mistral, ollama, vllm.",
    )
    model: str = setting(env="DESKHAND_COMPATIBLE_MODEL", label="Model", min_length=1, max_length=200)
    key: Key = setting(
        SecretStr(""), env="DESKHAND_COMPATIBLE_KEY", label="API key", help="Empty for servers that need none."
    )
    dialect: Literal["auto", "gemini", "mistral", "ollama", "vllm", "other"] = setting(
        "auto",
        env="DESKHAND_COMPATIBLE_DIALECT",
        label="Dialect",
        help="Which server's ways to follow when the address is not one of the names.",
    )
    include_usage: bool | None = setting(None, label="Ask for the token count", help="Empty: as the dialect has it.")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = setting(
        None, label="Name of the token limit", help="Empty: as the dialect has it."
    )
    tools: bool | None = setting(
        None, label="Offer tools", help="Switch off for models without tools: they then cannot ask for a person."
    )
    temperature: bool | None = setting(None, label="Send the temperature", help="Empty: as the dialect has it.")
    vision: bool | None = setting(None, label="The model sees pictures", help="Empty: as the dialect has it.")

    embedding_model: str = setting(
        "",
        env="DESKHAND_COMPATIBLE_EMBEDDING_MODEL",
        label="Embedding model",
        help="Turns texts into vectors, where the knowledge base is told to use them. Empty: this provider does not.",
        max_length=200,
    )

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        value = value.strip()
        if value.lower() in KNOWN:
            return value.lower()
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"an address that starts with http:// or https://, or one of {', '.join(KNOWN)}")
        return value


class Compatible(ChatCompletions):
    """A server that speaks chat completions."""

    name: ClassVar[str] = "compatible"


@hookimpl
def settings_schema() -> type[Settings]:
    return CompatibleSettings


@hookimpl
def ai_provider(settings: CompatibleSettings) -> AIProvider:
    address, base = KNOWN.get(settings.base_url, (settings.base_url, OTHER))
    if settings.dialect != "auto":
        base = KNOWN[settings.dialect][1] if settings.dialect in KNOWN else OTHER
    dialect = Dialect(
        include_usage=base.include_usage if settings.include_usage is None else settings.include_usage,
        max_tokens_field=settings.max_tokens_field or base.max_tokens_field,
        tools=base.tools if settings.tools is None else settings.tools,
        temperature=base.temperature if settings.temperature is None else settings.temperature,
        vision=base.vision if settings.vision is None else settings.vision,
    )
    return Compatible(
        model=settings.model,
        key=settings.key.get_secret_value(),
        base_url=address,
        dialect=dialect,
        embedding_model=settings.embedding_model,
    )


@hookimpl
def health_check(settings: CompatibleSettings) -> str:
    return prove(ai_provider(settings))
