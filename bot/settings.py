"""Plugin settings: a pydantic model that also makes the form, the command line and the environment variables. No I/O."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base of every plugin's settings. Unknown names are an error, so a typing mistake is told and not swallowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, hide_input_in_errors=True)


def setting(default: Any = ..., *, env: str = "", help: str = "", label: str = "", **rules: Any) -> Any:
    """Declare one setting. ``env`` names the environment variable that fills it when no stored value does.

    A setting without a default is required: the plugin is off, and says so, until it is there. Use ``pydantic.SecretStr``
    for keys: they are stored encrypted and never shown again. ``rules`` are pydantic's (``ge``, ``max_length`` …).
    """
    extra: dict[str, Any] = {"env": env, "label": label}
    return Field(default, description=help, json_schema_extra=extra, **rules)
