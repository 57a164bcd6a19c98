"""A hook function of a plugin, bound to the plugin's settings, so that calling it costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from bot.breadcrumbs import crumb
from bot.discovery import Hook, Plugin
from bot.hookspecs import RULES

LAST = 3
"""Rank of the hooks of required plugins: what others do must not slip past them."""


class Bound:
    """A hook function of a plugin with its settings, ready to be called many times."""

    __slots__ = ("checked", "crumb", "deadline", "hook", "invoke", "key", "plugin", "rank", "required")

    def __init__(self, plugin: Plugin, hook: str, settings: Any, *, deadline: float | None = None) -> None:
        found = plugin.hooks[hook]
        self.plugin, self.hook, self.rank = plugin.name, hook, LAST if plugin.info.required else found.rank
        self.required = plugin.info.required
        self.key = (plugin.name, hook)
        self.deadline = RULES[hook].deadline if deadline is None else deadline
        self.crumb = crumb(plugin.name, hook) if plugin.third_party else None
        self.checked = True
        self.invoke = _invoker(found, settings)

    @classmethod
    def once(cls, plugin: str, what: str, fn: Callable[[], Any], deadline: float, *, noted: bool) -> Bound:
        """Something of a plugin that is not a hook: its import."""
        bound = cls.__new__(cls)
        bound.plugin, bound.hook, bound.key, bound.rank = plugin, what, (plugin, what), 1
        bound.deadline, bound.checked, bound.required = deadline, False, False
        bound.crumb = crumb(plugin, what) if noted else None
        bound.invoke = lambda arguments: fn()
        return bound


def _invoker(hook: Hook, settings: Any) -> Callable[[dict[str, Any]], Any]:
    """The cheapest way to pass on just the arguments that the function names."""
    function, names = hook.function, hook.arguments
    if not hook.by_position:
        return lambda arguments: function(
            **{name: settings if name == "settings" else arguments[name] for name in names}
        )
    if not names:
        return lambda arguments: function()
    if names[0] == "settings":
        others = names[1:]
        if not others:
            return lambda arguments: function(settings)
        if len(others) == 1:
            only = others[0]
            return lambda arguments: function(settings, arguments[only])
        pick = itemgetter(*others)
        return lambda arguments: function(settings, *pick(arguments))
    return lambda arguments: function(*[settings if name == "settings" else arguments[name] for name in names])
