"""What admins say of the fleet as a whole: who is asked first for which task, who is asked for which at all, and how long they may take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import orjson

from bot import audit, clock, switches
from bot.ai import Clocks
from bot.store import read, sql
from bot.store.json_columns import decoded

TASKS = ("answer", "summary", "vision", "embed", "article", "draft")
"""``vision``: answers to questions with pictures. ``article``: drafts of articles, made of what agents answered. ``draft``: drafts of
agents' replies. All but ``answer`` go by the order of the answers until they have one of their own."""
BUDGET = 45.0
"""Seconds within which an answer must have begun: then a person takes over."""
_ORDER, _TASKS, _CLOCKS, _OFF = "providers.order", "providers.tasks", "providers.clocks", "providers.off"
_KEYS = (_ORDER, *(f"{_ORDER}.{task}" for task in TASKS[1:]), _TASKS, _CLOCKS, _OFF)
_BOUNDS = {
    "connect": (0.5, 30.0),
    "first_token": (1.0, 120.0),
    "between_tokens": (1.0, 120.0),
    "total": (5.0, 600.0),
    "budget": (5.0, 600.0),
}


class FleetRefused(Exception):
    """Nothing was changed. A sentence for the admin: what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """As stored. Names that no provider has (any more) are left in: they do no harm, and the provider may come back."""

    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tasks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Who is asked for these tasks only; who is not in it, for all."""
    clocks: Clocks = field(default_factory=Clocks)
    provider_clocks: Mapping[str, Clocks] = field(default_factory=dict)
    budget: float = BUDGET
    off: frozenset[str] = frozenset()
    """Providers of plugins' own settings that are not asked, while the plugin is on for those that were added."""

    def order(self, task: str) -> list[str]:
        """The names of a task: its own first, then those of the answers."""
        return list(dict.fromkeys((*self.orders.get(task, ()), *self.orders.get("answer", ()))))

    def serves(self, name: str, task: str) -> bool:
        """Whether this provider is asked for this task at all."""
        return name not in self.tasks or task in self.tasks[name]


def fleet_settings() -> FleetSettings:
    """Read them. What is stored wrongly is as if it were not there: an answer is worth more than a setting."""
    marks = ", ".join("?" for _ in _KEYS)
    rows = read(lambda: dict(sql(f"SELECT key, value FROM setting WHERE key IN ({marks})", _KEYS).fetchall()))  # noqa: S608
    stored = {key: _decoded(value) for key, value in rows.items()}
    orders = {task: _names(stored.get(_order_key(task))) for task in TASKS}
    tasks = {name: frozenset(_names(only)) for name, only in _object(stored.get(_TASKS)).items()}
    clocks = _object(stored.get(_CLOCKS))
    general = _clocks(Clocks(), _object(clocks.get("")))
    return FleetSettings(
        orders={task: names for task, names in orders.items() if names},
        tasks={name: only for name, only in tasks.items() if only},
        clocks=general,
        provider_clocks={name: _clocks(general, _object(own)) for name, own in clocks.items() if name},
        budget=_number(_object(clocks.get("")).get("budget"), BUDGET),
        off=frozenset(_names(stored.get(_OFF))),
    )


def set_order(names: Sequence[str], *, task: str = "answer", actor: str) -> None:
    """Ask providers in this order from the next answer on, in all processes; the others follow by name. Empty: as for answers."""
    _store(_order_key(task), list(dict.fromkeys(names)), actor, "providers.order", {"task": task, "order": list(names)})


def set_tasks(name: str, tasks: Sequence[str], *, actor: str) -> None:
    """Ask this provider for these tasks only; none: for all."""
    unknown = [task for task in tasks if task not in TASKS]
    if unknown:
        raise FleetRefused(f"Nothing was changed: there is no task {unknown[0][:40]!r}. There are: {', '.join(TASKS)}.")

    def changed(stored: Any) -> Any:
        others = {key: value for key, value in _object(stored).items() if key != name}
        return {**others, name: sorted(set(tasks))} if tasks else others

    _change(_TASKS, changed, actor, "providers.tasks", {"provider": name, "tasks": list(tasks)})


def set_off(name: str, off: bool, *, actor: str) -> None:
    """Do not ask this provider of a plugin's own settings any more, or ask it again."""

    def changed(stored: Any) -> Any:
        others = {one for one in _names(stored) if one != name}
        return sorted(others | {name}) if off else sorted(others)

    _change(_OFF, changed, actor, "provider.off" if off else "provider.on", {"provider": name})


def set_clocks(values: Mapping[str, float], *, provider: str = "", actor: str) -> FleetSettings:
    """Change some clocks, of all providers or of one. ``nan`` puts one back to what it was made with. Raises :class:`FleetRefused`."""
    for key, value in values.items():
        low, high = _BOUNDS[key]
        if not math.isnan(value) and not low <= value <= high:
            raise FleetRefused(
                f"Nothing was changed: {key.replace('_', ' ')} must be from {low:g} to {high:g} seconds."
            )

    def changed(stored: Any) -> Any:
        clocks = _object(stored)
        own = {**_object(clocks.get(provider)), **values}
        return {**clocks, provider: {key: value for key, value in own.items() if not math.isnan(value)}}

    shown = {key: None if math.isnan(value) else value for key, value in values.items()}
    _change(_CLOCKS, changed, actor, "providers.clocks", {"provider": provider, **shown})
    return fleet_settings()


def forget_provider(name: str) -> None:
    """Take its tasks and clocks away. Inside a change; its places in the orders stay, and do no harm."""
    for key in (_TASKS, _CLOCKS):
        stored = _object(_read(key))
        if name in stored:
            del stored[name]
            _write(key, stored)


def _order_key(task: str) -> str:
    return _ORDER if task == "answer" else f"{_ORDER}.{task}"


def _store(key: str, value: Any, actor: str, action: str, detail: Mapping[str, Any]) -> None:
    _change(key, lambda _: value, actor, action, detail)


def _change(key: str, changed: Any, actor: str, action: str, detail: Mapping[str, Any]) -> None:
    def fn() -> None:
        _write(key, changed(_read(key)))
        audit.record(actor, action, "providers", dict(detail))

    switches.change(fn)


def _read(key: str) -> Any:
    row = sql("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
    return None if row is None else _decoded(row[0])


def _write(key: str, value: Any) -> None:
    sql(
        "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
        (key, orjson.dumps(value).decode(), clock.now()),
    )


def _decoded(value: Any) -> Any:
    try:
        return decoded(value)
    except orjson.JSONDecodeError:
        return None


def _names(value: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) and value > 0 else default


def _clocks(base: Clocks, own: Mapping[str, Any]) -> Clocks:
    names = {one.name for one in fields(Clocks)}
    return replace(base, **{name: _number(own[name], getattr(base, name)) for name in own if name in names})
