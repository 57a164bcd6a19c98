"""Acting as a person on Home tabs, in windows, with slash commands and a message's menu. Safe from any thread."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import tests.fakes.slack_views  # noqa: F401  their methods
from tests.fakes.slack_state import APP_ID, Workspace

Shown = dict[str, Any]
MANY = {"checkboxes", "multi_static_select", "multi_external_select"}
LISTS = {"static_select", "external_select", "radio_buttons"} | MANY


class Visits:
    """Base of the fake, beside its people."""

    space: Workspace
    _tell: Callable[[dict[str, Any]], None]
    _click: Callable[[dict[str, Any]], None]
    _command: Callable[[dict[str, Any]], None]
    wait: Callable[..., Any]

    # The Home tab ----------------------------------------------------------------------------------------------------

    def home(self, user: str, *, wait: bool = True) -> Shown:
        """Somebody opens the app's Home tab; what it then shows (it may be published again a moment later)."""
        before = len(self.space.noted("home", user=user))
        with self.space.lock:
            event = {
                "type": "app_home_opened",
                "user": user,
                "channel": f"D0{user}",
                "tab": "home",
                "event_ts": self.space.new_ts(),
            }
            if user in self.space.homes:
                event["view"] = deepcopy(self.space.homes[user])
        self._tell(event)
        if wait and not before:
            self.wait(lambda: user in self.space.homes)
        return self.home_of(user) if wait else {}

    def home_of(self, user: str) -> Shown:
        """What somebody's Home tab shows now; empty before it was published."""
        with self.space.lock:
            return deepcopy(self.space.homes.get(user, {}))

    def window(self, number: int = -1, *, seconds: float = 0.0) -> Shown:
        """A window that is open, the newest first thought of: it is waited for."""
        return dict(
            self.wait(lambda: self.space.opened and deepcopy(list(self.space.opened.values())[number]), seconds)
        )

    # Pressing --------------------------------------------------------------------------------------------------------

    def press(
        self, user: str, shown: Shown, what: str, *, number: int = 0, fields: Mapping[str, str] | None = None, channel: str = "",
        again: bool = False,
    ) -> None:  # fmt: skip
        """Press the button or the menu's entry labelled ``what`` (the ``number``-th of that name) of a Home tab, a window, a message
        (with its ``channel``) or an ephemeral one. ``fields``: what is filled in meanwhile."""
        found = [one for one in controls(shown) if one.get("label") == what]
        if len(found) <= number:
            raise AssertionError(f"there is no {what!r}, only {[one.get('label') for one in controls(shown)]}")
        action = {key: value for key, value in found[number].items() if key != "label"}
        self._pressed(user, shown, action, fields or {}, channel, again=again)

    def pick(
        self, user: str, shown: Shown, name: str, *values: str, fields: Mapping[str, str] | None = None, channel: str = ""
    ) -> None:  # fmt: skip
        """Choose in a list that has an effect at once: by what is carried or by the label of its entries."""
        for block, element in _elements(shown):
            if element["type"] in LISTS and element["action_id"].partition(":")[2] == name:
                given = _state(element, ",".join(values))
                action = {**given, "action_id": element["action_id"], "block_id": block.get("block_id", "auto")}
                self._pressed(user, shown, action, {**(fields or {}), name: ",".join(values)}, channel)
                return
        raise AssertionError(f"there is no list {name!r}")

    def _pressed(
        self, user: str, shown: Shown, action: dict[str, Any], fields: Mapping[str, str], channel: str, *, again: bool = False
    ) -> None:  # fmt: skip
        is_view = shown.get("type") in {"home", "modal"}
        with self.space.lock:
            trigger = f"{time.time_ns()}.{secrets.token_hex(4)}"
            self.space.triggers[trigger] = time.time() + 3
            state = {"values": state_of(shown, fields, whole=False)}
            payload: dict[str, Any] = {
                "type": "block_actions", "trigger_id": trigger, "api_app_id": APP_ID, "token": "old", "is_enterprise_install": False,
                "user": self._person(user), "team": {"id": self.space.team, "domain": "acme"},
                "actions": [{**action, "action_ts": self.space.new_ts()}],
            }  # fmt: skip
            if is_view:
                payload |= {
                    "container": {"type": "view", "view_id": shown["id"]},
                    "view": {**deepcopy(shown), "state": state},
                }
            else:
                place = shown.get("channel") or channel
                box: dict[str, Any] = {
                    "type": "message",
                    "message_ts": shown["ts"],
                    "channel_id": place,
                    "is_ephemeral": "channel" in shown,
                }
                if shown.get("thread_ts"):
                    box["thread_ts"] = shown["thread_ts"]
                payload |= {
                    "container": box, "channel": {"id": place, "name": "x"}, "state": state, "response_url": "https://hooks.invalid/r",
                }  # fmt: skip
                if "channel" not in shown:
                    payload["message"] = {key: value for key, value in shown.items() if key != "metadata"}
            self.space.note("click", user=user, action=payload["actions"][0])
        self._click(payload)
        if again:
            self._click(deepcopy(payload))

    def submit(
        self, user: str, view: str | Shown, values: Mapping[str, str] | None = None, *, again: bool = False
    ) -> None:  # fmt: skip
        """Press the button of an open form (a view or its id). ``values`` by the field's name: text, what is carried by an entry or
        its label, several with commas between them. What is not given is as the form shows it. ``again``: twice."""
        with self.space.lock:
            shown = deepcopy(self.space.opened[view if isinstance(view, str) else view["id"]])
            state = state_of(shown, values or {}, whole=True)
            self.space.note("submits", user=user, view=shown["id"], values=dict(values or {}))
        payload = {
            "type": "view_submission", "team": {"id": self.space.team, "domain": "acme"}, "token": "old", "api_app_id": APP_ID,
            "user": self._person(user), "trigger_id": f"{time.time_ns()}", "view": {**shown, "state": {"values": state}},
            "response_urls": [], "is_enterprise_install": False,
        }  # fmt: skip
        self._click(payload)
        if again:
            self._click(deepcopy(payload))

    def close(self, view: Shown) -> None:
        """Somebody closes a window. The app is not told."""
        self.space.opened.pop(view["id"], None)

    def suggest(self, user: str, shown: Shown, name: str, query: str) -> list[dict[str, Any]]:
        """Somebody types in a list that is searched: the entries that are offered."""
        for block, element in _elements(shown):
            if element["type"].endswith("external_select") and element["action_id"].partition(":")[2] == name:
                trigger = secrets.token_hex(8)
                self._command({
                    "type": "block_suggestion", "action_id": element["action_id"], "block_id": block["block_id"], "value": query,
                    "user": self._person(user), "team": {"id": self.space.team}, "container": {"type": "view", "view_id": shown["id"]},
                    "view": {**deepcopy(shown), "state": {"values": state_of(shown, {}, whole=False)}}, "trigger_id": trigger,
                    "api_app_id": APP_ID, "token": "old",
                })  # fmt: skip
                (entry,) = self.wait(lambda trigger=trigger: self.space.noted("answered", trigger=trigger))
                return list(entry["answer"].get("options") or [])
        raise AssertionError(f"there is no searched list {name!r}")

    # Commands --------------------------------------------------------------------------------------------------------

    def command(
        self, user: str, text: str, channel: str = "C0SUPPORT", *, again: bool = False, wait: bool = True
    ) -> dict[str, Any]:
        """``/desk queue``: the answer that its person sees, empty when there is none. ``again``: told twice."""
        word, _, rest = text.partition(" ")
        trigger = f"{time.time_ns()}.{secrets.token_hex(4)}"
        with self.space.lock:
            self.space.triggers[trigger] = time.time() + 3
            self.space.note("commands", user=user, text=text, trigger=trigger)
            payload = {
                "token": "old", "team_id": self.space.team, "team_domain": "acme", "channel_id": channel, "channel_name": "x",
                "user_id": user, "user_name": self.space.users[user]["name"], "command": word, "text": rest, "api_app_id": APP_ID,
                "is_enterprise_install": "false", "response_url": f"{self.space.base}hooks/{trigger}", "trigger_id": trigger,
            }  # fmt: skip
        self._command(payload)
        if again:
            self._command(deepcopy(payload))
        if not wait:
            return {"trigger": trigger}
        answers = self.wait(lambda: self.space.noted("answered", trigger=trigger)[1 if again else 0 :])
        return dict(answers[0]["answer"])

    def shortcut(self, user: str, channel: str, ts: str, callback: str) -> None:
        """Choose an entry of a message's menu by its ``callback_id``."""
        with self.space.lock:
            trigger = f"{time.time_ns()}.{secrets.token_hex(4)}"
            self.space.triggers[trigger] = time.time() + 3
            payload = {
                "type": "message_action", "callback_id": callback, "trigger_id": trigger, "message_ts": ts, "api_app_id": APP_ID,
                "token": "old", "user": self._person(user), "team": {"id": self.space.team, "domain": "acme"},
                "channel": {"id": channel, "name": "x"}, "message": self.space.message(channel, ts),
                "response_url": "https://hooks.invalid/r", "action_ts": self.space.new_ts(), "is_enterprise_install": False,
            }  # fmt: skip
        self._click(payload)

    def _person(self, user: str) -> dict[str, Any]:
        who = self.space.users[user]
        return {"id": user, "username": who["name"], "name": who["name"], "team_id": who["team_id"]}

    # Looking ---------------------------------------------------------------------------------------------------------

    def directs(self, user: str) -> list[dict[str, Any]]:
        """What the app wrote to one person alone, the oldest first."""
        return self.space.messages(self.space.direct(user).id)

    def asides(self, user: str) -> list[dict[str, Any]]:
        """Ephemeral messages of one person."""
        with self.space.lock:
            return [deepcopy(one) for one in self.space.ephemerals if one["user"] == user]


def text_of(shown: Any) -> str:
    """All words that somebody sees, in their order, with a line for each block; without buttons."""
    if isinstance(shown, list):
        return "".join(text_of(one) for one in shown)
    if not isinstance(shown, dict) or shown.get("type") in {"button", "overflow"}:
        return ""
    if "blocks" in shown:
        return "\n".join(text_of(one) for one in shown["blocks"])
    if shown.get("type") == "user":
        return f"<@{shown['user_id']}>"
    inner = shown.get("text")
    own = inner if isinstance(inner, str) else text_of(inner)
    return own + "".join(text_of(shown.get(name)) for name in ("label", "hint", "element", "fields", "elements"))


def labels(shown: Shown) -> list[str]:
    """What can be pressed."""
    return [one["label"] for one in controls(shown)]


def controls(shown: Shown) -> list[dict[str, Any]]:
    """Buttons and entries of menus as the action that Slack would send, with their ``label``."""
    found = []
    for block, element in _elements(shown):
        base = {"type": element["type"], "action_id": element["action_id"], "block_id": block.get("block_id", "auto")}
        if element["type"] == "button":
            found.append(
                {**base, "text": element["text"], "value": element.get("value", ""), "label": element["text"]["text"]}
            )
        elif element["type"] == "overflow":
            found += [{**base, "selected_option": one, "label": one["text"]["text"]} for one in element["options"]]
    return found


def _elements(shown: Shown) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every control with its block."""
    found = []
    for block in shown.get("blocks") or []:
        inside = block.get("elements", []) if block["type"] == "actions" else []
        found += [
            (block, one)
            for one in (*inside, block.get("element"), block.get("accessory"))
            if one and "action_id" in one
        ]
    return found


def state_of(shown: Shown, given: Mapping[str, str], *, whole: bool) -> dict[str, Any]:
    """``state.values``: what is given by a field's name (or ``action_id``), else what the form shows. ``whole``: Slack lets nobody
    send a form of which a field is missing."""
    values: dict[str, Any] = {}
    names = set(given)
    for block, element in _elements(shown):
        if element["type"] in {"button", "overflow"}:
            continue
        name = element["action_id"].partition(":")[2]
        wanted = given.get(element["action_id"], given.get(name))
        names -= {element["action_id"], name}
        told = _state(element, wanted)
        if whole and wanted is None and not block.get("optional") and block["type"] == "input" and not _has(told):
            raise AssertionError(f"Slack does not send the form: {name or element['action_id']} is missing")
        values.setdefault(block.get("block_id", "auto"), {})[element["action_id"]] = told
    if names:
        raise AssertionError(f"the form has no {sorted(names)}")
    return values


def _has(told: dict[str, Any]) -> bool:
    return any(value for key, value in told.items() if key != "type")


def _state(element: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    kind = element["type"]
    if kind in LISTS:
        initial = element.get("initial_options") or ([element["initial_option"]] if "initial_option" in element else [])
        chosen = initial if wanted is None else [_entry(element, one) for one in wanted.split(",") if one]
        if kind in MANY:
            return {"type": kind, "selected_options": chosen}
        return {"type": kind, "selected_option": chosen[0] if chosen else None}
    name, initial_name = {"users_select": ("selected_user", "initial_user"), "datepicker": ("selected_date", "initial_date")}.get(
        kind, ("value", "initial_value")
    )  # fmt: skip
    return {"type": kind, name: element.get(initial_name) if wanted is None else wanted}


def _entry(element: dict[str, Any], wanted: str) -> dict[str, Any]:
    """An entry by what it carries (with or without our mark before it) or by its label."""
    if element["type"].endswith("external_select"):
        return {
            "text": {"type": "plain_text", "text": wanted},
            "value": wanted if wanted.startswith("=") else f"={wanted}",
        }
    for one in element["options"]:
        if wanted in {one["value"], one["value"].removeprefix("="), one["text"]["text"]}:
            return dict(one)
    raise AssertionError(f"the form has no choice {wanted!r}")
