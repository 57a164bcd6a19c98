"""How agents are told: one message for one notification, for all that a quiet night kept, or for a day. Each exactly once.

A message is a row (``notification_post``) whose id is the ref of a personal post or the occasion of a mail, so that it goes out
once however often this runs. What it says is worked out when its turn comes: what was read meanwhile, or is moot, is not in it, and
with nothing left it is not sent. A way that fails for good is followed by the other one, and that is written down.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot import clock, farewells, jobs, mail, notification_preferences, notifications_shown, personal_posts
from bot.addresses import Address, address_problem, one_line
from bot.declarations import desk_declaration
from bot.events import JobSpec
from bot.letter import moment, quote
from bot.store import StoreUnavailable, read, sql, write

log = structlog.get_logger("notifications")

POST = "notify.told"
"""The kind of personal post that tells."""
MAIL = mail.NOTIFICATION
JOB = "notify.tell"
ROUNDS = "core.notify"
EVERY = 30.0
OTHER = {"direct": "mail", "mail": "direct"}
# Planning. All of it inside writes --------------------------------------------------------------------------------------


def plan(notification_id: str, agent_id: str, kind: str) -> None:
    """A notification was made: tell it now, or note when. A message of the desk is looked at again when its turn comes; a mail is
    written by a job, so that what happens in the same moment is one mail."""
    preferences, at = notification_preferences.of(agent_id), clock.now()
    if preferences.ways[kind] == "none":
        return
    until = preferences.quiet_until(at)
    sql("UPDATE notification SET state = 'waiting', due_at = ? WHERE id = ?", (until or at, notification_id))
    if until is not None:
        return  # the rounds come when they end
    if preferences.ways[kind] == "direct":
        _post(agent_id, "direct", (notification_id,))
    else:
        jobs.enqueue(JOB, agent_id, notification_id)


def tell(agent_id: str) -> None:
    """Tell an agent what is due. The job; blocks."""
    write(lambda: _tell(agent_id))


def _tell(agent_id: str) -> None:
    preferences, at = notification_preferences.of(agent_id), clock.now()
    notifications_shown.drop_moot(agent_id)
    until = preferences.quiet_until(at)
    if until is not None:
        sql(
            "UPDATE notification SET due_at = ? WHERE agent_id = ? AND state = 'waiting' AND due_at <= ?",
            (until, agent_id, at),
        )
        return
    rows = sql(
        "SELECT id, kind FROM notification WHERE agent_id = ? AND state = 'waiting' AND due_at <= ? ORDER BY id",
        (agent_id, at),
    ).fetchall()
    for way in notification_preferences.WAYS:
        ids = [notification_id for notification_id, kind in rows if preferences.ways[kind] == way]
        if ids and way == "none":
            _set(ids, "silent")
        elif ids:
            _post(agent_id, way, ids)


def _set(ids: Sequence[str], state: str, problem: str = "") -> None:
    for notification_id in ids:
        sql("UPDATE notification SET state = ?, problem = ? WHERE id = ?", (state, problem[:500], notification_id))


def _post(
    agent_id: str,
    way: str,
    ids: Sequence[str],
    *,
    tried: str = "",
    problem: str = "",
    kind: str = "told",
    day: str = "",
) -> bool:
    """One message with these notifications, by ``way`` or, where that cannot be, by the other one. False: there is none to make."""
    post_id = clock.new_id()
    made = sql(
        "INSERT INTO notification_post (id, agent_id, kind, occasion, way, state, tried, problem, place, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'out', ?, '', '', ?)"
        " ON CONFLICT (agent_id, kind, occasion) DO NOTHING",
        (post_id, agent_id, kind, day or post_id, way, tried, clock.now()),
    ).rowcount
    if not made:
        return False
    taken = [one for one in sorted(ids) if sql(_TAKE, (post_id, one)).rowcount]
    if not taken and kind == "told":
        sql("DELETE FROM notification_post WHERE id = ?", (post_id,))
        return False
    person, (address, no_address) = _person(agent_id), _address(agent_id)
    can = {"direct": bool(person[0]), "mail": bool(address)}
    why = problem
    if not can[way]:
        why = f"{problem} {NO_ACCOUNT if way == 'direct' else no_address}".strip()
        if tried or not can[OTHER[way]]:
            _failed(agent_id, post_id, taken, why)
            return False
        tried, way = way, OTHER[way]
        sql("UPDATE notification_post SET way = ?, tried = ? WHERE id = ?", (way, tried, post_id))
    if why:
        _set(taken, "posted", why)
        sql("UPDATE notification_post SET problem = ? WHERE id = ?", (why[:500], post_id))
        log.warning("notification_other_way", agent=notifications_shown.agent_name(agent_id), way=way, reason=why)
    if way == "mail":
        return _write_mail(agent_id, post_id, address)
    sql("UPDATE notification_post SET place = ? WHERE id = ?", (" ".join(person), post_id))
    personal_posts.put(*person, POST, post_id, op="direct")
    return True


_TAKE = "UPDATE notification SET state = 'posted', told_in = ? WHERE id = ? AND state = 'waiting'"
NO_ACCOUNT = "No desk knows this agent by an account that a message can go to."


def _failed(agent_id: str, post_id: str, ids: Sequence[str], why: str) -> None:
    """Neither way can be: it stays in the list alone, which says why."""
    _set(ids, "failed", why)
    sql("UPDATE notification_post SET state = 'failed', problem = ? WHERE id = ?", (why[:500], post_id))
    log.warning(
        "notification_not_told",
        agent=notifications_shown.agent_name(agent_id),
        reason=why,
        next="deskhand agents notify NAME",
    )


def _person(agent_id: str) -> tuple[str, str]:
    """Desk and id of the account that a message can go to, the one linked last; both empty: there is none."""
    rows = sql(
        "SELECT desk, external_id FROM agent_identity WHERE agent_id = ? ORDER BY created_at DESC, id DESC", (agent_id,)
    ).fetchall()
    for desk, external_id in rows:
        if "direct" in desk_declaration(desk).can:
            return desk, external_id
    return "", ""


def _address(agent_id: str) -> tuple[str, str]:
    """The agent's mail address, or why none can be used."""
    row = sql("SELECT email FROM agent WHERE id = ?", (agent_id,)).fetchone()
    if row is None or not row[0]:
        return "", "This agent has no mail address."
    problem = address_problem(Address(row[0]))
    if problem:
        return "", f"The agent's mail address cannot be used: {problem}."
    return (row[0], "") if mail.server() is not None else ("", "There is no mail server (SMTP_URL).")


def _write_mail(agent_id: str, post_id: str, to: str) -> bool:
    found = notifications_shown.message(post_id)
    if found is None:
        return False
    conversations = {one.conversation_id for one in found.told}
    sections = ["\n".join(f"- {quote(remark)}" for remark in found.remarks)]
    for one in found.told:
        where = f"\n[Open the thread](<{one.link}>)" if one.link else ""
        who = quote(one_line(one.customer, 80))
        sections.append(f"**\\#{one.ticket} · {who}**\n{quote(one_line(one.words, 300))}, {moment(one.at)}{where}")
    if found.more:
        sections.append(f"And {found.more} more: /desk notifications")
    subject = found.title
    if len(found.told) == 1 and not found.remarks:
        subject = f"{found.title}: {found.told[0].words}"
    # A mail about one conversation alone goes when that is erased; of the others `forget` knows.
    ref = conversations.pop() if len(conversations) == 1 and not found.remarks else ""
    mail.put(MAIL, ref, post_id, to, one_line(subject, 120), *sections)
    return True


# What became of it ------------------------------------------------------------------------------------------------------


def ended(post_id: str, outcome: str, reason: str = "") -> None:
    """A message was ``sent``, failed for good (``dead``), or nobody can tell (``held``). Inside a write."""
    at = clock.now()
    row = sql(
        "SELECT agent_id, way, tried, kind, occasion, place FROM notification_post WHERE id = ? AND state IN ('out', 'erased')",
        (post_id,),
    ).fetchone()
    if row is None:
        return
    agent_id, way, tried, kind, day, place = row
    if outcome == "sent":
        column = "direct_at" if way == "direct" else "mail_at"
        known = sql(
            "UPDATE notification_post SET state = 'sent', sent_at = ? WHERE id = ? AND state = 'out'", (at, post_id)
        )
        if not known.rowcount:  # a conversation that it names was deleted while the desk had it
            sql("UPDATE notification_post SET state = 'sent', sent_at = ? WHERE id = ?", (at, post_id))
            if _unsay(post_id, place):
                _again(agent_id, post_id)
                return
        sql(f"UPDATE notification SET {column} = ? WHERE told_in = ? AND state = 'posted'", (at, post_id))  # noqa: S608
        return
    if outcome == "held":  # perhaps they have it: telling it again would tell it twice
        sql("UPDATE notification_post SET state = 'unknown', problem = ? WHERE id = ?", (reason[:500], post_id))
        return
    why = f"{'The message' if way == 'direct' else 'The mail'} could not be delivered: {reason}"[:500]
    sql("UPDATE notification_post SET state = 'failed', problem = ? WHERE id = ?", (why, post_id))
    ids = [
        row[0]
        for row in sql("SELECT id FROM notification WHERE told_in = ? AND state = 'posted'", (post_id,)).fetchall()
    ]
    if tried:
        _failed(agent_id, post_id, ids, why)
        return
    _set(ids, "waiting", why)
    again = f"{day}/{OTHER[way]}" if kind == "digest" else ""
    _post(agent_id, OTHER[way], ids, tried=way, problem=why, kind=kind, day=again)


def wanted(post_id: str) -> bool:
    """Whether a mail still has something to say. Inside a write, before each attempt."""
    return notifications_shown.message(post_id) is not None


def forget(conversation_id: str) -> None:
    """The conversation is being deleted: its notifications go, messages that named its customer are deleted at the desk, and mails
    not sent yet are written anew without it. What was sent by mail is not kept here (see :data:`bot.mail.EMPTIED_KINDS`)."""
    posts = sql(_NAMING, (conversation_id, clock.now())).fetchall()
    sql("DELETE FROM notification WHERE conversation_id = ?", (conversation_id,))
    for post_id, agent_id, way, place, kind in posts:
        if way == "direct":
            desk, _, person = place.partition(" ")
            late = "UPDATE notification_post SET state = 'erased' WHERE id = ? AND state = 'out'"
            if personal_posts.under_way(desk, person, POST, post_id) and sql(late, (post_id,)).rowcount:
                continue  # deleted as soon as the desk has said where it is
            if _unsay(post_id, place):
                _again(agent_id, post_id)
            continue
        if not sql("DELETE FROM mail WHERE kind = ? AND occasion = ? AND state <> 'sent'", (MAIL, post_id)).rowcount:
            continue
        if kind == "digest" and (address := _address(agent_id)[0]):
            _write_mail(agent_id, post_id, address)
            continue
        sql("UPDATE notification_post SET state = 'moot' WHERE id = ?", (post_id,))
        _again(agent_id, post_id)


_NAMING = (
    "SELECT DISTINCT p.id, p.agent_id, p.way, p.place, p.kind FROM notification_post p JOIN notification n ON n.agent_id = p.agent_id"
    " WHERE n.conversation_id = ? AND (n.told_in = p.id OR (p.kind = 'digest' AND p.state <> 'moot' AND n.folded = ''"
    " AND n.created_at <= coalesce(p.sent_at, ?) AND (n.read_at IS NULL OR n.read_at >= p.created_at))) ORDER BY p.id"
)
"""Messages that tell of a conversation, and digests that could have named it: they name what is unread, told by them or not."""


def _unsay(post_id: str, place: str) -> bool:
    """Delete a message to one agent alone; whether there is one and the desk can."""
    desk, _, person = place.partition(" ")
    said = personal_posts.shown(desk, person, POST, post_id)
    for shown in said:
        farewells.unsay(desk, person, shown)
    return bool(said) and "delete" in desk_declaration(desk).follows


def _again(agent_id: str, post_id: str) -> None:
    """A message is gone: what else it told, and nobody has read, is told in another one."""
    sql(
        "UPDATE notification SET state = 'waiting', due_at = 0, direct_at = NULL WHERE told_in = ? AND state = 'posted'"
        " AND read_at IS NULL",
        (post_id,),
    )
    jobs.enqueue(JOB, agent_id, f"again-{post_id}")


# The rounds -------------------------------------------------------------------------------------------------------------


def rounds(_ref: str = "") -> None:
    """Tell what quiet hours kept and they are over, and make the digests that are due. The periodic job; blocks."""
    at = clock.now()

    def look() -> tuple[list[tuple[str, str]], list[str]]:
        digests = [
            (agent_id, day)
            for (agent_id,) in sql(
                "SELECT p.agent_id FROM notification_preference p JOIN agent a ON a.id = p.agent_id"
                " WHERE p.digest_at IS NOT NULL AND a.active AND a.role <> 'viewer' ORDER BY p.agent_id"
            ).fetchall()
            if (day := notification_preferences.of(agent_id).digest_due(at))
            and not sql(
                "SELECT 1 FROM notification_post WHERE agent_id = ? AND kind = 'digest' AND occasion = ?",
                (agent_id, day),
            ).fetchone()
        ]
        waiting = sql(
            "SELECT DISTINCT agent_id FROM notification WHERE state = 'waiting' AND due_at <= ? ORDER BY agent_id",
            (at,),
        ).fetchall()
        return digests, [row[0] for row in waiting]

    digests, waiting = read(look)
    error: Exception | None = None
    for agent_id, day in [*digests, *((agent_id, "") for agent_id in waiting)]:
        try:
            write(lambda agent_id=agent_id, day=day: _digest(agent_id, day) if day else _tell(agent_id))  # type: ignore[misc]
        except StoreUnavailable:
            raise
        except Exception as failure:  # the others are told all the same; what failed is tried again, and seen
            error = error or failure
    if error is not None:
        raise error


def _digest(agent_id: str, day: str) -> None:
    """The digest of a day tells as well what waited for the end of the quiet hours, if that goes the same way."""
    preferences, at = notification_preferences.of(agent_id), clock.now()
    notifications_shown.drop_moot(agent_id)
    if notifications_shown.digest(agent_id, "", day) is None:
        sql(
            "INSERT INTO notification_post (id, agent_id, kind, occasion, way, state, tried, problem, place, created_at)"
            " VALUES (?, ?, 'digest', ?, ?, 'moot', '', '', '', ?) ON CONFLICT (agent_id, kind, occasion) DO NOTHING",
            (clock.new_id(), agent_id, day, preferences.digest_way, at),
        )
        return
    rows = sql(
        "SELECT id, kind FROM notification WHERE agent_id = ? AND state = 'waiting' AND due_at <= ?", (agent_id, at)
    ).fetchall()
    told = [one for one, kind in rows if preferences.ways[kind] == preferences.digest_way]
    _post(agent_id, preferences.digest_way, told, kind="digest", day=day)


def specs() -> list[JobSpec]:
    """The kinds of job of this file."""
    return [JobSpec(kind=JOB, run=tell), JobSpec(kind=ROUNDS, run=rounds, every=EVERY)]
