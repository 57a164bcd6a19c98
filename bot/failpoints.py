"""Named points where tests stop, break or kill a process. Each arrow of the design passes one.

``DESKHAND_FAILPOINTS="receive.after_commit=kill@2;turn.before_commit=sleep:0.5"`` acts at the second and at every pass.
Actions: ``kill`` (SIGKILL to this process), ``raise``, ``sleep:SECONDS``, ``stop`` (SIGSTOP). Without the variable a
failpoint costs one look into an empty dict.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

POINTS = frozenset(
    {
        "receive.before_commit",
        "receive.after_commit",
        "receive.before_ack",
        "wake.before_publish",
        "turn.after_claim",
        "turn.before_ai",
        "turn.first_delta",
        "turn.mid_answer",
        "turn.after_ai",
        "turn.before_commit",
        "turn.after_commit",
        "turn.before_release",
        "push.before_frame",
        "out.after_claim",
        "out.before_bytes",
        "out.after_bytes",
        "out.before_sent",
        "out.after_sent",
        "desk.before_commit",
        "desk.after_commit",
        "desk.before_ack",
        "desk.before_reply_commit",
        "desk.after_reply_commit",
        "desk.before_posted",
        "desk.after_posted",
        "desk.before_offer_commit",
        "desk.after_offer_commit",
        "desk.before_draft_commit",
        "desk.after_draft_commit",
        "job.after_claim",
        "job.before_done",
    }
)


class FailpointError(Exception):
    """Raised by the action ``raise``."""


class _Plan:
    def __init__(self, text: str) -> None:
        self.actions: dict[str, tuple[str, float, int]] = {}
        self.passed: dict[str, int] = {}
        for item in filter(None, (part.strip() for part in text.split(";"))):
            name, _, action = item.partition("=")
            if name not in POINTS:
                raise ValueError(f"no failpoint is called {name}")
            action, _, when = action.partition("@")
            action, _, seconds = action.partition(":")
            if action not in {"kill", "raise", "sleep", "stop"}:
                raise ValueError(f"failpoint {name}: no action is called {action}")
            self.actions[name] = (action, float(seconds or 0), int(when or 0))


_plan = _Plan(os.environ.get("DESKHAND_FAILPOINTS", ""))
_once_dir = os.environ.get("DESKHAND_FAILPOINTS_ONCE", "")


def plan(text: str) -> None:
    """Replace the plan of this process. Raises ValueError for an unknown name or action."""
    global _plan
    _plan = _Plan(text)


def failpoint(name: str) -> None:
    """Pass the point ``name``: does nothing unless the plan says otherwise."""
    if not _plan.actions:
        return
    act = _plan.actions.get(name)
    if act is None:
        return
    action, seconds, when = act
    _plan.passed[name] = _plan.passed.get(name, 0) + 1
    if when and _plan.passed[name] != when:
        return
    if _once_dir and not _first(name):
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "sleep":
        time.sleep(seconds)
    else:
        raise FailpointError(name)


def _first(name: str) -> bool:
    """With ``DESKHAND_FAILPOINTS_ONCE`` (a folder) a point acts once in the life of all processes, so a restart survives."""
    try:
        (Path(_once_dir) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
