"""Windows, Home tabs, messages to one person and presence: the methods of the fake workspace for them."""

from __future__ import annotations

import time
from copy import deepcopy
from typing import Any

from tests.fakes.slack_limits import wrong_view
from tests.fakes.slack_methods import Arguments, Methods, Refuse, method


def _checked(self: Methods, view: Any, kind: str = "modal") -> dict[str, Any]:
    problem = wrong_view(view, kind)
    if problem:
        self.space.note("refused_blocks", problem=problem)
        raise Refuse(
            "view_too_large" if problem == "view_too_large" else "invalid_arguments",
            response_metadata={"messages": [problem]},
        )
    return dict(view)


def _trigger(self: Methods, arguments: Arguments) -> None:
    if self.space.triggers.get(str(arguments.get("trigger_id", "")), 0) < time.time():
        raise Refuse("expired_trigger_id")


def _show(self: Methods, arguments: Arguments, **more: Any) -> dict[str, Any]:
    _trigger(self, arguments)
    view = _checked(self, arguments["view"])
    self.space.triggers.pop(str(arguments["trigger_id"]))
    self.space.views.append(view)
    one = {"id": f"V{len(self.space.views)}", "hash": f"{time.time_ns()}", "team_id": self.space.team, **more, **view}
    self.space.opened[one["id"]] = one
    self.space.note("view", view=one)
    return {"view": deepcopy(one)}


@method("views.open")
def _view_open(self: Methods, arguments: Arguments) -> dict[str, Any]:
    return _show(self, arguments)


@method("views.push")
def _view_push(self: Methods, arguments: Arguments) -> dict[str, Any]:
    if not self.space.opened:
        raise Refuse("not_found")
    if sum("pushed" in one for one in self.space.opened.values()) >= 2:
        raise Refuse("push_limit_reached")
    return _show(self, arguments, pushed=True)


@method("views.update")
def _view_update(self: Methods, arguments: Arguments) -> dict[str, Any]:
    one = self.space.opened.get(str(arguments.get("view_id", "")))
    if one is None:
        raise Refuse("not_found")
    if arguments.get("hash") and arguments["hash"] != one["hash"]:
        raise Refuse("hash_conflict")
    one.update(_checked(self, arguments["view"]), hash=f"{time.time_ns()}")
    self.space.note("view_changed", view=one)
    return {"view": deepcopy(one)}


@method("views.publish")
def _view_publish(self: Methods, arguments: Arguments) -> dict[str, Any]:
    user = str(arguments.get("user_id"))
    if user not in self.space.users:
        raise Refuse("user_not_found")
    if not self.space.home_tab:
        raise Refuse("not_enabled")
    before = self.space.homes.get(user)
    if arguments.get("hash") and before and arguments["hash"] != before["hash"]:
        raise Refuse("hash_conflict")
    view = _checked(self, arguments["view"], "home")
    one = {"id": f"VHOME{user}", "hash": f"{time.time_ns()}", "team_id": self.space.team, **view}
    self.space.homes[user] = one
    self.space.note("home", user=user, view=view)
    return {"view": deepcopy(one)}


@method("conversations.open", "im:write")
def _open_direct(self: Methods, arguments: Arguments) -> dict[str, Any]:
    user = self.space.users.get(str(arguments.get("users", "")))
    if user is None:
        raise Refuse("user_not_found")
    if user["deleted"]:
        raise Refuse("user_disabled")
    if user.get("is_bot"):
        raise Refuse("cannot_dm_bot")
    return {"channel": {"id": self.space.direct(user["id"]).id}}


@method("users.getPresence", "users:read")
def _presence(self: Methods, arguments: Arguments) -> dict[str, Any]:
    user = str(arguments.get("user", ""))
    if user not in self.space.users:
        raise Refuse("user_not_found")
    return {"presence": self.space.presence.get(user, "active")}


def _quiet(self: Methods, user: str) -> dict[str, Any]:
    start, end = self.space.quiet.get(user, (1, 1))
    return {"dnd_enabled": user in self.space.quiet, "next_dnd_start_ts": int(start), "next_dnd_end_ts": int(end)}


@method("dnd.teamInfo", "dnd:read")
def _quiet_people(self: Methods, arguments: Arguments) -> dict[str, Any]:
    users = [one for one in str(arguments.get("users", "")).split(",") if one]
    if not users:
        raise Refuse("no_users_provided")
    if len(users) > 50:
        raise Refuse("too_many_users")
    return {"users": {one: _quiet(self, one) for one in users if one in self.space.users}}


@method("dnd.info", "dnd:read")
def _quiet_person(self: Methods, arguments: Arguments) -> dict[str, Any]:
    user = str(arguments.get("user", ""))
    if user not in self.space.users:
        raise Refuse("user_not_found")
    return _quiet(self, user)
