"""Agents and how desks know them. Only a linked, active agent may act; a stranger gets a code to show an admin."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from bot import audit, clock, routing_calls
from bot.routing_settings import MOST
from bot.store import read, sql, write

ROLES = ("owner", "admin", "agent", "viewer")
CODE_SECONDS = 15 * 60.0
_NAME = re.compile(r"[\w.\-]{1,40}")


class AgentError(Exception):
    """What is wrong, as a sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """An agent. ``public_name`` and ``picture`` are what customers see; ``name`` is the short one for commands."""

    id: str
    name: str
    public_name: str
    picture: str
    email: str
    role: str
    active: bool
    available: bool = True
    """Not away."""
    available_since: float | None = None
    """When that last changed; ``None``: never."""
    identities: tuple[tuple[str, str], ...] = ()
    """``(desk, external id)``."""

    @property
    def may_act(self) -> bool:
        """Viewers read and never act."""
        return self.active and self.role != "viewer"


_COLUMNS = "id, name, public_name, picture, email, role, active, available, available_since"


def add_agent(
    name: str, *, public_name: str = "", picture: str = "", email: str = "", role: str = "agent", actor: str
) -> AgentView:
    """Make an agent. Raises :class:`AgentError` when the name is taken or not usable."""
    if not _NAME.fullmatch(name):
        raise AgentError("An agent's name has 1 to 40 letters, digits, dots or dashes, such as: ana")
    if role not in ROLES:
        raise AgentError(f"There is no role {role}. There are: {', '.join(ROLES)}.")
    if picture and not picture.startswith("https://"):
        raise AgentError("The picture must be an https:// address.")

    def work() -> AgentView:
        if sql("SELECT 1 FROM agent WHERE name = ?", (name,)).fetchone():
            raise AgentError(f"There is an agent called {name} already.")
        row_id, shown = clock.new_id(), public_name or name.replace(".", " ").title()
        sql(
            f"INSERT INTO agent ({_COLUMNS}, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (row_id, name, shown, picture, email, role, True, True, None, clock.now()),
        )
        audit.record(actor, "agent.add", f"agent:{name}", {"role": role})
        return AgentView(id=row_id, name=name, public_name=shown, picture=picture, email=email, role=role, active=True)

    return write(work)


def link(name: str, desk: str, external_id: str, *, actor: str) -> None:
    """Tell which person of a desk an agent is. An id that belonged to another agent moves."""

    def work() -> None:
        row = sql("SELECT id FROM agent WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise AgentError(f"There is no agent called {name}. See: deskhand agents list")
        sql("DELETE FROM agent_identity WHERE desk = ? AND external_id = ?", (desk, external_id))
        sql(
            "INSERT INTO agent_identity (id, agent_id, desk, external_id, created_at) VALUES (?, ?, ?, ?, ?)",
            (clock.new_id(), row[0], desk, external_id, clock.now()),
        )
        audit.record(actor, "agent.link", f"agent:{name}", {"desk": desk, "id": external_id})
        routing_calls.look_if_assigning()

    write(work)


def set_active(name: str, active: bool, *, actor: str) -> None:
    """Let an agent act, or not any more. What is assigned to them stays until somebody takes it."""

    def work() -> None:
        if not sql("UPDATE agent SET active = ? WHERE name = ?", (active, name)).rowcount:
            raise AgentError(f"There is no agent called {name}. See: deskhand agents list")
        audit.record(actor, "agent.on" if active else "agent.off", f"agent:{name}")
        (routing_calls.back if active else routing_calls.gone)(name)

    write(work)


def set_available(name: str, available: bool, *, actor: str) -> None:
    """Say that an agent is away, or back. An agent who is away may still act; while all are, customers are told so."""

    def work() -> None:
        moved = sql(
            "UPDATE agent SET available = ?, available_since = ? WHERE lower(name) = lower(?) AND available <> ? RETURNING name",
            (available, clock.now(), name, available),
        ).fetchone()
        if moved is None:
            if agent_named(name) is None:
                raise AgentError(f"There is no agent called {name}. See: deskhand agents list")
            return  # so already, and since when does not move
        audit.record(actor, "agent.back" if available else "agent.away", f"agent:{name}")
        (routing_calls.back if available else routing_calls.gone)(moved[0])

    write(work)


def set_capacity(name: str, count: str, *, actor: str) -> None:
    """How many conversations an agent has or is offered at once: a number, ``0`` for no limit, ``usual`` for what the settings say.
    Raises :class:`AgentError`."""
    if count != "usual" and (not count.isdecimal() or int(count) > MOST):
        raise AgentError(f"Give a number from 0 (no limit) to {MOST:,}, or usual. Nothing was changed.")
    value = None if count == "usual" else int(count)

    def work() -> None:
        row = sql("SELECT id, name FROM agent WHERE lower(name) = lower(?)", (name,)).fetchone()
        if row is None:
            raise AgentError(f"There is no agent called {name}. See: deskhand agents list")
        sql(
            "INSERT INTO agent_turn (agent_id, capacity) VALUES (?, ?)"
            " ON CONFLICT (agent_id) DO UPDATE SET capacity = excluded.capacity",
            (row[0], value),
        )
        audit.record(actor, "agent.capacity", f"agent:{row[1]}", {"capacity": count})
        routing_calls.look_if_assigning()

    write(work)


def new_link_code(desk: str, external_id: str, shown_name: str) -> str:
    """A code that a stranger tells an admin: 8 letters and digits, 15 minutes, single use. Inside a write."""
    alphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
    code = "".join(secrets.choice(alphabet) for _ in range(8))
    sql(
        "DELETE FROM link_code WHERE expires_at < ? OR (desk = ? AND external_id = ?)", (clock.now(), desk, external_id)
    )
    sql(
        "INSERT INTO link_code (code_hash, desk, external_id, shown_name, expires_at) VALUES (?, ?, ?, ?, ?)",
        (_hash(code), desk, external_id, shown_name[:80], clock.now() + CODE_SECONDS),
    )
    return code


def redeem(code: str, name: str, *, actor: str) -> tuple[str, str, str]:
    """Link the person who was given ``code`` to agent ``name``; returns desk, id and shown name."""

    def work() -> tuple[str, str, str]:
        if sql("SELECT 1 FROM agent WHERE name = ?", (name,)).fetchone() is None:
            raise AgentError(f"There is no agent called {name}. See: deskhand agents list")
        row = sql(
            "DELETE FROM link_code WHERE code_hash = ? AND expires_at >= ? RETURNING desk, external_id, shown_name",
            (_hash(code.strip().upper()), clock.now()),
        ).fetchone()
        if row is None:
            raise AgentError("This code is not known or older than 15 minutes. Ask for a new one at the desk.")
        return (row[0], row[1], row[2])

    found = write(work)
    link(name, found[0], found[1], actor=actor)
    return found


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def agent_at(desk: str, external_id: str) -> AgentView | None:
    """The agent behind a desk's id. Inside a read or write."""
    return _one("a.id = (SELECT agent_id FROM agent_identity WHERE desk = ? AND external_id = ?)", desk, external_id)


def agent_named(name: str) -> AgentView | None:
    """By short name, without regard to case. Inside a read or write."""
    return _one("lower(a.name) = lower(?)", name)


def _one(where: str, *values: str) -> AgentView | None:
    row = sql(f"SELECT {_COLUMNS} FROM agent a WHERE {where}", values).fetchone()  # noqa: S608  fixed conditions
    return AgentView(**dict(zip(_COLUMNS.split(", "), row, strict=True))) if row else None


def all_agents() -> list[AgentView]:
    """Everybody, by name, with their identities."""

    def work() -> list[AgentView]:
        known: dict[str, list[tuple[str, str]]] = {}
        for agent_id, desk, external_id in sql(
            "SELECT agent_id, desk, external_id FROM agent_identity ORDER BY desk"
        ).fetchall():
            known.setdefault(agent_id, []).append((desk, external_id))
        rows = sql(f"SELECT {_COLUMNS} FROM agent ORDER BY name").fetchall()  # noqa: S608
        names = _COLUMNS.split(", ")
        return [
            AgentView(**dict(zip(names, row, strict=True)), identities=tuple(known.get(row[0], ()))) for row in rows
        ]

    return read(work)
