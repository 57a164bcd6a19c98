"""``PluginConformance``: what every plugin promises, whatever it is: hooks, settings, a quiet import, answers of the right type."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar

from pydantic import SecretBytes, SecretStr, ValidationError

from bot.bound import Bound
from bot.discovery import Plugin, look_at, read_hooks
from bot.events import Answer, TurnContext
from bot.hook_results import misfit
from bot.knowledge import Question
from bot.messages import MessageView
from bot.plugin_settings import environment_name, is_secret
from bot.settings import Settings
from bot.testing.on_disk import fresh_store
from bot.testing.promises import Conformance, Promise, promise
from bot.testing.texts import HARD

MAKERS = ("channel", "desk", "ai_provider")
_SOUNDS_SECRET = ("token", "secret", "password", "_key")
_WATCHED = "bot.testing.quiet_import"


class PluginConformance(Conformance):
    """Set ``plugin`` (its name), ``module`` (its dotted name) and ``settings`` (what an admin must give)."""

    module: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def complete(cls) -> bool:
        if hasattr(cls, "module") and not cls.plugin:
            raise TypeError(f"{cls.__name__} must say the plugin's name: plugin = …")
        return hasattr(cls, "module")

    @classmethod
    def why_not(cls, one: Promise) -> str:
        try:
            hooks = set(read_hooks(importlib.import_module(cls.module)))
        except Exception:
            return ""  # the tests say why
        wanted = {need.removeprefix("hook ") for need in one.needs if need.startswith("hook ")}
        if wanted and not wanted & hooks:
            return f"the plugin has no {' or '.join(sorted(wanted))}"
        return ""

    def keep(self, function: Callable[..., Any]) -> None:
        with fresh_store():
            function(self, None)

    # ----------------------------------------------------------------------------------------------------------------

    @promise()
    def test_its_hooks_fit(self, stage: Any) -> None:
        """The module imports, its hooks exist and ask only for arguments that exist, and its name is a plugin's name."""
        self._found()

    @promise()
    def test_people_can_read_what_it_is(self, stage: Any) -> None:
        """PLUGIN says a title and one sentence about what the plugin does."""
        info = self._found().info
        assert info.title, "PLUGIN = PluginInfo(title=…) is missing: a short name for people"
        assert len(info.summary.split()) >= 3, f"PluginInfo.summary is {info.summary!r}: one sentence on what it does"

    @promise()
    def test_importing_it_does_nothing(self, stage: Any) -> None:
        """Importing the module opens no connection, writes no file, and starts no process and no thread."""
        found = self._watched([])
        assert not found, f"while it is imported it {'; '.join(found)}"

    @promise("hook settings_schema")
    def test_its_settings_can_be_understood(self, stage: Any) -> None:
        """Every setting says what it is (help or label), and its environment variable is in capitals and its own."""
        schema = self._found().schema
        names = []
        for name, field in schema.model_fields.items():
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            assert field.description or extra.get("label"), f"the setting {name} says nothing: setting(help=…) or label"
            env = environment_name(field)
            assert not env or env.upper() == env, f"the environment variable {env!r} is not in capitals"
            names += [env] if env else []
        assert len(names) == len(set(names)), f"two settings have one environment variable: {sorted(names)}"

    @promise("hook settings_schema")
    def test_its_secrets_are_secret(self, stage: Any) -> None:
        """What sounds like a secret is a SecretStr: stored sealed, and not shown when the settings are printed."""
        schema = self._found().schema
        for name, field in schema.model_fields.items():
            if field.annotation is str and f"_{name}".lower().endswith(_SOUNDS_SECRET):
                assert is_secret(field), f"the setting {name} must be a pydantic.SecretStr"
        made = self._made_settings()
        for value in vars(made).values():
            if isinstance(value, SecretStr | SecretBytes) and value.get_secret_value():
                shown = str(value.get_secret_value()) in repr(made)  # not in the assert: pytest would print both
                assert not shown, "printing the settings shows a secret"

    @promise("hook settings_schema")
    def test_a_misspelt_setting_is_told(self, stage: Any) -> None:
        """An unknown setting is an error and not swallowed."""
        try:
            self._found().schema(**{**self.settings, "no_such_setting": 1})
        except ValidationError:
            return
        raise AssertionError("the settings take an unknown name: subclass bot.Settings and do not change extra")

    @promise("hook channel", "hook desk", "hook ai_provider")
    def test_it_makes_what_it_says_without_talking(self, stage: Any) -> None:
        """channel(), desk() and ai_provider() return what they promise, and open no connection for it."""
        plugin = self._found()
        for hook in MAKERS:
            if hook in plugin.hooks:
                wrong = misfit(hook, self._call(plugin, hook))
                assert not wrong, f"{hook} {wrong}"
        found = self._watched([hook for hook in MAKERS if hook in plugin.hooks])
        assert not found, f"to make it, it {'; '.join(found)}"

    @promise("hook filter_inbound", "hook after_ai", "hook search_knowledge")
    def test_its_filters_take_any_text(self, stage: Any) -> None:
        """Filters take difficult texts and return what they promise."""
        plugin = self._found()
        turn = TurnContext(turn_id="t", conversation_id="c", site="s", channel="kit")
        message = MessageView(id="m", seq=1, rev=1, author="customer", text="", created_at=0.0)
        for text in (*HARD, "", "x" * 4_000):
            given: dict[str, dict[str, Any]] = {
                "filter_inbound": {"message": replace(message, text=text), "turn": turn},
                "after_ai": {"answer": Answer(text=text), "turn": turn},
                "search_knowledge": {"question": Question(text=text, site="s")},
            }
            for hook in set(given) & set(plugin.hooks):
                wrong = misfit(hook, self._call(plugin, hook, **given[hook]))
                assert not wrong, f"{hook} of {text!r:.40} {wrong}"

    @promise("hook health_check")
    def test_its_health_check_speaks(self, stage: Any) -> None:
        """health_check() ends within 10 s with words, or raises with a sentence; it shows no secret either way."""
        plugin = self._found()
        try:
            said = self._call(plugin, "health_check")
        except Exception as error:
            said, kind = str(error), type(error).__name__
        else:
            kind = ""
        if kind:
            words = len(str(said).split())
            assert words >= 3, f"it raised {kind} with {said!r}: say what is wrong and what to do"
        assert said is None or isinstance(said, str | dict), f"it returned {said!r}"
        for value in vars(self._made_settings()).values():
            if isinstance(value, SecretStr) and value.get_secret_value():
                shown = value.get_secret_value() in str(said)  # not in the assert: pytest would print both
                assert not shown, "it shows a secret"

    # ----------------------------------------------------------------------------------------------------------------

    def _module(self) -> ModuleType:
        try:
            return importlib.import_module(self.module)
        except BaseException as error:
            raise AssertionError(f"{self.module} does not import: {error!r:.300}") from error

    def _found(self) -> Plugin:
        found = look_at(self.plugin, self._module())
        assert isinstance(found, Plugin), found.reason
        return found

    def _made_settings(self) -> Settings:
        try:
            return self._found().schema(**self.settings)
        except ValidationError as error:
            missing = ", ".join(str(one["loc"][0]) for one in error.errors())
            raise AssertionError(f"settings of the test do not fit the plugin's settings: {missing}") from None

    def _call(self, plugin: Plugin, hook: str, **arguments: Any) -> Any:
        return Bound(plugin, hook, self._made_settings()).invoke(arguments)

    def _watched(self, hooks: list[str]) -> list[str]:
        """What the import, and then the hooks, did to the outside, seen by a process of its own."""
        order = {"plugin": self.plugin, "module": self.module, "hooks": hooks, "settings": _plain(self.settings)}
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-B", "-m", _WATCHED], input=json.dumps(order), capture_output=True, text=True, timeout=60,
            check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)},
        )  # fmt: skip
        assert done.returncode == 0, f"the process that imported it ended with {done.returncode}: {done.stderr[-300:]}"
        return list(json.loads(done.stdout.splitlines()[-1]))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str | int | float | bool | None) else str(value)
        for name, value in values.items()
    }
