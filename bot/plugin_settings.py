"""A plugin's settings: a stored value, else the environment variable, else the default; checked by the plugin's own model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.discovery import Plugin, did_you_mean
from bot.settings import Settings


class SettingRefused(Exception):
    """A value that cannot be stored. A sentence that names the setting and the fix; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """One setting as it may be shown. Of a secret only the last four characters."""

    name: str
    value: str
    source: str
    """``stored``, the name of an environment variable, ``default`` or ``missing``."""
    env: str
    help: str
    secret: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """Values on top of the plugin's own: what one of several providers of a plugin says differently."""

    name: str
    stored: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings, or why there are none."""

    settings: Settings | None
    problem: str = ""
    """A sentence part that names the setting: ``needs api_key (or OPENAI_API_KEY)``."""
    missing: bool = False
    """True when nothing is wrong but something required is not there yet."""


def is_secret(field: FieldInfo) -> bool:
    """Whether the field holds a key that must be stored sealed and never shown."""
    return _mentions_secret(field.annotation)


def _mentions_secret(annotation: Any) -> bool:
    return annotation in {SecretStr, SecretBytes} or any(_mentions_secret(part) for part in get_args(annotation))


def environment_name(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("env") or "") if isinstance(extra, dict) else ""


def secret_place(plugin: str, name: str, table: str = "plugin_state") -> str:
    """Where a sealed setting lives: what ``bot.crypto`` binds it to."""
    return f"{table}|settings.{name}|{plugin}"


def resolve(
    plugin: Plugin, stored: Mapping[str, Any], environment: Mapping[str, str] | None = None, layer: Layer | None = None
) -> Resolved:
    """Put the settings together and have them checked."""
    values, problem = _together(plugin, stored, os.environ if environment is None else environment, layer)
    if problem:
        return Resolved(None, problem)
    try:
        return Resolved(plugin.schema.model_validate(values))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
    except Exception as error:  # a validator of the plugin's own that raises something else
        return Resolved(None, f"its settings cannot be checked: {type(error).__name__}")
    missing = [item for item in errors if item["type"] == "missing" and len(item["loc"]) == 1]
    if len(missing) == len(errors):
        names = [_how_to_give(plugin, str(item["loc"][0])) for item in missing]
        return Resolved(None, f"needs {' and '.join(names)}", missing=True)
    wrong = next(item for item in errors if item not in missing)
    return Resolved(None, _what_is_wrong(wrong))


def _how_to_give(plugin: Plugin, name: str) -> str:
    env = environment_name(plugin.schema.model_fields[name])
    return f"{name} (or {env})" if env else name


def _what_is_wrong(item: ErrorDetails) -> str:
    reason = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    where = ".".join(str(part) for part in item["loc"])
    return f"setting {where}: {reason}" if where else f"settings: {reason}"


def _together(
    plugin: Plugin, stored: Mapping[str, Any], environment: Mapping[str, str], layer: Layer | None
) -> tuple[dict[str, Any], str]:
    values, problem = _gather(plugin, stored, environment)
    if layer is None:
        return values, problem
    own, own_problem = _gather(plugin, layer.stored, {}, layer)
    # What is wrong with the plugin's own values does not matter where the layer has others.
    return {**values, **own}, own_problem


def _gather(
    plugin: Plugin, stored: Mapping[str, Any], environment: Mapping[str, str], layer: Layer | None = None
) -> tuple[dict[str, Any], str]:
    from bot.crypto import CryptoError, unseal

    values: dict[str, Any] = {}
    # A stored name that the model no longer has (an older version's) is left alone: it must not switch the plugin off.
    for name, field in plugin.schema.model_fields.items():
        env = environment_name(field)
        if name in stored:
            value = stored[name]
            if is_secret(field):
                try:
                    value = unseal("secret", value, _place(plugin, name, layer))
                except CryptoError as error:
                    return {}, f"setting {name} is stored but cannot be read: {error}"
            values[name] = value
        elif env and environment.get(env):
            values[name] = _from_text(field, environment[env])
    return values, ""


def _from_text(field: FieldInfo, text: str) -> Any:
    """What a person typed: lists by JSON or commas, objects by JSON; numbers and switches are pydantic's own work."""
    kinds = {get_origin(part) or part for part in (field.annotation, *get_args(field.annotation))}
    if kinds & {list, tuple, set, frozenset} and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if kinds & {list, tuple, set, frozenset, dict} or text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _place(plugin: Plugin, name: str, layer: Layer | None) -> str:
    return secret_place(plugin.name, name) if layer is None else secret_place(layer.name, name, "provider")


def change(
    plugin: Plugin,
    stored: Mapping[str, Any],
    new: Mapping[str, str],
    unset: tuple[str, ...] = (),
    layer: Layer | None = None,
) -> dict[str, Any]:
    """The values to store after setting ``new`` and forgetting ``unset``, secrets sealed. Raises :class:`SettingRefused`.
    With ``layer`` they are those of the layer, and ``stored`` is what the plugin has beneath it.

    Call it outside a transaction: sealing may have to make a key.
    """
    from bot.crypto import seal

    fields = plugin.schema.model_fields
    for name in (*new, *unset):
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise SettingRefused(
                f"{plugin.name} has no setting called {name}.{did_you_mean(name, list(fields))} Its settings: {known}."
            )
    before = stored if layer is None else layer.stored
    changed = {name: value for name, value in before.items() if name in fields and name not in unset}
    for name, text in new.items():
        value = _from_text(fields[name], text)
        changed[name] = seal("secret", text, _place(plugin, name, layer)) if is_secret(fields[name]) else value
    if layer is None:
        values, problem = _together(plugin, changed, os.environ, None)
    else:
        values, problem = _together(plugin, stored, os.environ, Layer(layer.name, changed))
    if problem:
        raise SettingRefused(f"Nothing was changed: {problem}")
    try:
        plugin.schema.model_validate(values)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            # Something else that is missing is no reason to refuse this value: people set one after the other.
            if item["type"] != "missing" or (item["loc"] and item["loc"][0] in new and len(item["loc"]) > 1):
                raise SettingRefused(f"Nothing was changed: {_what_is_wrong(item)}.") from None
    return changed


def show(plugin: Plugin, stored: Mapping[str, Any], layer: Layer | None = None) -> list[SettingView]:
    """All settings of a plugin, with secrets hidden but for their last four characters."""
    values, _ = _together(plugin, stored, os.environ, layer)
    views: list[SettingView] = []
    for name, field in plugin.schema.model_fields.items():
        env, secret = environment_name(field), is_secret(field)
        source = "stored" if name in stored else env if name in values else "default"
        if layer is not None:
            source = "its own" if name in layer.stored else f"as {plugin.name}" if name in values else "default"
        value = values.get(name, None if field.is_required() else field.get_default(call_default_factory=True))
        if source == "default" and field.is_required():
            source = "missing"
        elif source in {"stored", "its own"} and name not in values:
            source, value = f"{source}, unreadable", ""
        views.append(
            SettingView(
                name=name,
                value=redact(value) if secret else _plain(value),
                source=source,
                env=env,
                help=field.description or "",
                secret=secret,
                required=field.is_required(),
            )
        )
    return views


def redact(value: object) -> str:
    """``••••1234``; nothing at all of a secret shorter than 12 characters."""
    text = str(value.get_secret_value()) if isinstance(value, (SecretStr, SecretBytes)) else str(value or "")
    if not text:
        return ""
    return "••••" + (text[-4:] if len(text) >= 12 else "")


def _plain(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
