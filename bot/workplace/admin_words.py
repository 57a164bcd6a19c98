"""What admins may ask of Deskhand from a desk: plugins and providers, by the same functions as the command line.

Every change is in the audit trail under ``desk:NAME``. What would cut somebody off asks back first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot import switching
from bot.claims import Done
from bot.config import config
from bot.fleet_settings import FleetRefused, set_order
from bot.pages import Choice, Confirm, Option, Part, Press, Presses, Words
from bot.plugins import registry
from bot.provider_rows import HOOK
from bot.provider_standing import WELL, Standing, standings
from bot.snapshot import Status
from bot.workplace.deeds import Command, Deed
from bot.workplace.rooms import FORBIDDEN
from bot.workplace.saying import aside

LONGEST = 100
"""Characters of what is said of one plugin."""
TESTED = (
    "This house tries the answer tests before the order changes, which takes minutes: deskhand providers order {names}."
    " Nothing was changed."
)
DESK = (
    "Agents work at this desk. If it is the one you write in, you cut off the branch you sit on: from here it cannot be switched"
    " on again, only by deskhand plugins on {name} in a terminal. What waits for it stays and is shown then."
)
CHANNEL = "Customers who write there are neither heard nor answered while it is off."
REQUIRED = "It is required: from then on texts would leave this house without it."
LAST = "No other AI provider is on: customers would get no answers but by people."


def plugins(deed: Deed) -> Done:
    """List them, or switch one."""
    word, name, sure = _three(deed.words)
    if word in {"", "list"} and not name:
        return Done("done", after=_plugins)
    if word == "on" and name and not sure:
        return _plugin(deed, name, True)
    if word == "off" and name and sure in {"", "yes"}:
        return _plugin(deed, name, False, sure=bool(sure))
    return Done(
        "cannot", "Nothing was changed. Say: /desk plugins list, /desk plugins on NAME, or /desk plugins off NAME"
    )


def providers(deed: Deed) -> Done:
    """List them, switch one, or say who is asked first."""
    word, *names = deed.words.split()[:20] or [""]
    word = word.lower()
    if word in {"", "list"} and not names:
        return Done("done", after=_providers)
    if word in {"on", "off"} and names and names[1:] in ([], ["yes"]):
        return _provider(deed, names[0], word == "on", sure=bool(names[1:]))
    if word == "order" and names:
        return _order(deed, names)
    return Done(
        "cannot",
        "Nothing was changed. Say: /desk providers list, /desk providers on NAME, /desk providers off NAME, or"
        " /desk providers order FIRST SECOND",
    )


def _three(words: str) -> tuple[str, str, str]:
    word, _, rest = words.partition(" ")
    name, _, sure = rest.strip().partition(" ")
    return word.lower(), name, sure.strip().lower()


def _actor(deed: Deed) -> str:
    return f"desk:{deed.agent.name}"


# Plugins -----------------------------------------------------------------------------------------------------------------


def _plugins() -> Done:
    rows = registry().fresh().status()
    lines = [f"{one.name}: {_mark(one)} — {' '.join(_about(one).split())[:LONGEST]}" for one in rows]
    parts: list[Part] = [Words("\n".join(lines))]
    on, off = [one for one in rows if one.on], [one for one in rows if not one.on and not one.broken]
    for title, what, some in (("Switch on", "plugin_on", off), ("Switch off", "plugin_off", on)):
        if some:
            options = tuple(Option(one.name, one.name) for one in some[:100])
            parts.append(Choice(name=what, label=title, options=options, what=f"admin_words.{what}", optional=True))
    return aside("admin_words.plugins", f"Plugins: {len(on)} of {len(rows)} are on", *parts)


def _mark(one: Status) -> str:
    return "broken" if one.broken else "on" if one.on else "off"


def _about(one: Status) -> str:
    return (one.summary or one.title) if one.on else one.why


def _plugin(deed: Deed, name: str, on: bool, *, sure: bool = False) -> Done:
    known = registry()
    now = next((one for one in known.fresh().status() if one.name == name and not one.broken), None)
    if now is not None and now.on and on and not now.strikes:
        return Done("done", f"{name} is on already. Nothing was changed.")
    if now is not None and not on and now.why == "switched off":
        return Done("done", f"{name} is off already. Nothing was changed.")
    try:
        if on:
            switching.plugin_on(known, name, actor=_actor(deed))
            return Done("done", after=lambda: Done("done", "\n".join(switching.plugin_now(known, name))))
        dangers = _dangers(name) if not sure else []
        if dangers:
            return _asked_back(f"Switch {name} off?", dangers, "plugin_off_now", name, f"plugins off {name} yes")
        return Done("done", switching.plugin_off(known, name, actor=_actor(deed)))
    except switching.SwitchRefused as refused:
        return Done("cannot", f"Nothing was changed. {refused}")


def _dangers(name: str) -> list[str]:
    """What would be cut off, as sentences. Raises :class:`bot.switching.SwitchRefused` for a plugin that there is not."""
    known = registry()
    required = switching.is_required(known, name)
    hooks = known.plugins[name].hooks if name in known.plugins else {}
    found = [DESK.format(name=name)] if "desk" in hooks else []
    if "channel" in hooks:
        found.append(CHANNEL)
    if required:
        found.append(REQUIRED)
    if (
        HOOK in hooks
        and known.fresh().is_on(name)
        and not [one for one in standings(known) if one.on and one.plugin != name]
    ):
        found.append(LAST)
    return found


def _asked_back(title: str, dangers: Sequence[str], what: str, name: str, words: str) -> Done:
    press = Press(
        label="Switch off", what=f"admin_words.{what}", value=name, style="danger", spoken=f"Switch {name} off",
        confirm=Confirm(title=title, text=dangers[0][:300], yes="Switch off", no="Leave it on"),
    )  # fmt: skip
    told = Words("\n".join((*dangers, f"Nothing was changed yet. To do it press the button, or say: /desk {words}")))
    return aside("admin_words.sure", title, told, Presses((press,)))


# Providers ---------------------------------------------------------------------------------------------------------------


def _providers() -> Done:
    rows = standings(registry())
    lines = [_line(place, one) for place, one in enumerate(rows, 1)]
    parts: list[Part] = [Words("\n".join(lines) or "There is none. See: deskhand plugins list")]
    for title, what, on in (("Switch on", "provider_on", False), ("Switch off", "provider_off", True)):
        options = tuple(Option(one.name, one.name) for one in rows if one.on is on)[:100]
        if options:
            parts.append(Choice(name=what, label=title, options=options, what=f"admin_words.{what}", optional=True))
    parts.append(Words("Who is asked first: /desk providers order FIRST SECOND", "quiet"))
    return aside("admin_words.providers", "AI providers, in the order in which they are asked", *parts)


def _line(place: int, one: Standing) -> str:
    called = f"{one.name} {one.model}".strip()
    if not one.on:
        return f"– {called}: off, {one.why}"
    measured = [f"first words in {one.first_token:.1f} s"] if one.first_token is not None else []
    if one.error_rate is not None:
        measured.append(f"{one.error_rate:.0%} failed of {one.attempts}")
    return " · ".join((f"{place}. {called}: {WELL[one.state]}", *filter(None, (one.reason, *measured))))


def _provider(deed: Deed, name: str, on: bool, *, sure: bool = False) -> Done:
    known = registry()
    names = switching.provider_names(known)
    try:
        switching.checked_names([name], names)
        rows = {one.name: one for one in standings(known)}
        if name in rows and rows[name].on is on:
            return Done("done", f"{name} is {'on' if on else 'off'} already. Nothing was changed.")
        if not on and not sure and not [one for one in rows.values() if one.on and one.name != name]:
            return _asked_back(f"Switch {name} off?", [LAST], "provider_off_now", name, f"providers off {name} yes")
        switching.switch_one_provider(name, on, names, actor=_actor(deed))
    except FleetRefused as refused:
        return Done("cannot", f"Nothing was changed. {refused}")
    return Done("done", after=lambda: Done("done", _provider_now(name, on)))


def _provider_now(name: str, on: bool) -> str:
    line = next((one for one in standings(registry()) if one.name == name), None)
    if not on:
        return f"{name} is off: it is not asked any more, from the next attempt on. Its settings stay."
    if line is not None and not line.on:
        return f"{name} is not on: {line.why}. See: deskhand plugins show {line.plugin}"
    return f"{name} is on."


def _order(deed: Deed, names: Sequence[str]) -> Done:
    try:
        switching.checked_names(names, switching.provider_names(registry()))
    except FleetRefused as refused:
        return Done("cannot", f"Nothing was changed. {refused}")
    if config().answer_tests is not None:
        return Done("cannot", TESTED.format(names=" ".join(names)))
    set_order(list(names), actor=_actor(deed))
    return Done(
        "done",
        f"Asked in this order from the next answer on: {', '.join(dict.fromkeys(names))}. Others follow by name.",
    )


# Presses -----------------------------------------------------------------------------------------------------------------


def _pressed(do: Callable[[Deed, str], Done]) -> Callable[[Deed], Done]:
    """Who was an admin when the page was made may be none any more."""

    def pressed(deed: Deed) -> Done:
        return do(deed, deed.event.value) if deed.admin else Done("not_allowed", FORBIDDEN)

    return pressed


PRESSES = {
    "admin_words.plugin_on": _pressed(lambda deed, name: _plugin(deed, name, True)),
    "admin_words.plugin_off": _pressed(lambda deed, name: _plugin(deed, name, False)),
    "admin_words.plugin_off_now": _pressed(lambda deed, name: _plugin(deed, name, False, sure=True)),
    "admin_words.provider_on": _pressed(lambda deed, name: _provider(deed, name, True)),
    "admin_words.provider_off": _pressed(lambda deed, name: _provider(deed, name, False)),
    "admin_words.provider_off_now": _pressed(lambda deed, name: _provider(deed, name, False, sure=True)),
}
COMMANDS = {
    "plugins": Command(
        run=plugins, usage="plugins [on|off NAME]", about="what is switched on and why not, or switch it", admin=True
    ),
    "providers": Command(
        run=providers, usage="providers [on|off NAME|order A B]", about="the AI providers, how they are, and who is asked first",
        admin=True,
    ),
}  # fmt: skip
