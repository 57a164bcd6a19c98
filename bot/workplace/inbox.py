"""An agent's inbox: whether they are there, what is theirs, what waits for somebody, and what is done."""

from __future__ import annotations

from dataclasses import replace

from bot import agents, clock, drafting, notifications, presence
from bot.agents import AgentView
from bot.claims import Done
from bot.pages import Choice, Option, Page, Part, Press, Presses, Row, Rule, Words
from bot.workplace import draft_pages, inbox_forms, inbox_lists, inbox_tags, inbox_views
from bot.workplace.deeds import Deed, Visit
from bot.workplace.inbox_lists import LISTS, PAGE
from bot.workplace.inbox_rows import moment, row
from bot.workplace.inbox_views import View, open_homes

STRANGER = "You are not linked as an agent yet. Press the button, and show an admin of Deskhand the line that you get."
OUTSIDER = "Guests and people of other companies have no inbox here."
ENDED = "Your account in Deskhand is switched off. Ask an admin."
VIEWER = "Your account may look, and not act. Ask an admin if you are to answer customers."
UNSEEN = "But you are shown as away or not to be disturbed, so nobody counts on you until that ends."
ALL = "*"
"""The entry of the filter that filters nothing. No tag is called so."""
NAMES = {"mine": "Mine", "unassigned": "Unassigned", "resolved": "Resolved", "drafts": "Drafts"}
ORDERS = {
    "mine": "What is due first stands first.",
    "unassigned": "What presses most stands first, then who waits longest.",
    "resolved": "The newest stand first.",
}
EMPTY = {
    "mine": "Nothing is with you now. Claim something under Unassigned.",
    "unassigned": "Nobody waits: everything has somebody.",
    "resolved": "Nothing was resolved yet.",
}


def home(visit: Visit) -> Page:
    """The inbox of whoever looks at it."""
    agent = visit.agent
    if agent is None:
        if not visit.wanted.trusted:
            return Page(name="inbox", kind="home", parts=(Words(OUTSIDER),))
        link = Presses((Press(label="Link me", what="inbox.link", style="primary"),))
        return Page(name="inbox", kind="home", parts=(Words(STRANGER), link))
    if not agent.active:
        return Page(name="inbox", kind="home", title=agent.public_name, parts=(Words(ENDED),))
    at = clock.now()
    seen = inbox_views.view_of(visit.wanted.desk, visit.wanted.who)
    counts = {which: inbox_lists.count(which, agent.name, seen.tag) for which in LISTS}
    drafts = 0
    if agent.may_act:
        counts["drafts"], drafts = drafting.count_of(agent.id)
    seen = replace(seen, zone=visit.wanted.zone or seen.zone, tab=seen.tab if seen.tab in counts else LISTS[0])
    parts: list[Part] = [_presence(agent, at, seen.zone), _tabs(seen, counts)]
    if seen.tab == "drafts":
        page, pages = _shown(seen, drafts)
        parts += [Rule(), *draft_pages.rows(agent, at, page), *_pager(page, pages)]
    else:
        parts += [*_filter(seen, agent), Rule(), *_list(visit, seen, counts[seen.tab], at, agent)]
    return Page(name="inbox", kind="home", title=agent.public_name, parts=tuple(parts))


def _presence(agent: AgentView, at: float, zone: str) -> Part:
    if not agent.may_act:
        return Words(VIEWER, "quiet")
    since = f"Since {moment(agent.available_since, at, zone)}." if agent.available_since else ""
    if agent.available:
        away = Press(label="I am away", what="inbox.status", value="away")
        seen = "" if presence.is_there(agent.name) else UNSEEN
        return Row(title="You are here", text=seen, quiet=since, presses=(away, _told(agent)))
    back = Press(label="I am here", what="inbox.status", value="available", style="primary")
    quiet = f"{since} While everybody is, customers are told so.".strip()
    return Row(title="You are away", quiet=quiet, presses=(back, _told(agent)))


def _told(agent: AgentView) -> Press:
    """Opens what they were told of, which is read by that."""
    unread = notifications.unread(agent.id)
    return Press(
        label=f"Notifications ({unread})" if unread else "Notifications", what="notify.open",
        spoken=f"Notifications, {unread or 'none'} unread",
    )  # fmt: skip


def _tabs(seen: View, counts: dict[str, int]) -> Part:
    found = []
    for which, count in counts.items():
        number, shown = _number(which, count), which == seen.tab
        found.append(
            Press(
                label=f"{NAMES[which]} ({number})", what="inbox.tab", value=which, style="primary" if shown else "",
                spoken=f"{NAMES[which]}, {number}{', shown now' if shown else ''}",
            )
        )  # fmt: skip
    return Presses(tuple(found))


def _most(which: str) -> int:
    return inbox_lists.RECENT if which == "resolved" else inbox_lists.COUNTED


def _number(which: str, count: int) -> str:
    return f"{count:,}" if count <= _most(which) else f"{_most(which):,}+"


def _filter(seen: View, agent: AgentView) -> list[Part]:
    known = inbox_lists.tags_in(seen.tab, agent.name)
    if seen.tag and seen.tag not in dict(known):
        known.append((seen.tag, 0))
    if not known:
        return []
    options = (Option(ALL, "All tags"), *(Option(tag, f"{tag} ({count})") for tag, count in known))
    return [Choice(name="tag", label="Tag", options=options, chosen=(seen.tag or ALL,), what="inbox.tag")]


def _list(visit: Visit, seen: View, count: int, at: float, agent: AgentView) -> list[Part]:
    """The tickets of the page, and the way to the others. Where the list has become shorter the last page is shown."""
    name, tagged = NAMES[seen.tab], f" with the tag {seen.tag}" if seen.tag else ""
    if not count:
        words = f"There is nothing{tagged} under {name}." if seen.tag else EMPTY[seen.tab]
        return [Words(words)]
    page, pages = _shown(seen, min(count, _most(seen.tab)))
    where = f", page {page} of {pages}" if pages > 1 else ""
    found: list[Part] = [Words(f"{name}: {_number(seen.tab, count)}{tagged}{where}. {ORDERS[seen.tab]}", "quiet")]
    found += [
        row(entry, at, seen.zone, may_act=agent.may_act)
        for entry in inbox_lists.entries(seen.tab, agent.name, seen.tag, page, visit.wanted.desk)
    ]
    return [*found, *_pager(page, pages)]


def _shown(seen: View, count: int) -> tuple[int, int]:
    """Which page of a list of so many lines is shown, and how many pages there are."""
    pages = max(1, -(-count // PAGE))
    return min(max(seen.page, 1), pages), pages


def _pager(page: int, pages: int) -> list[Part]:
    presses = [
        Press(label=label, what="inbox.page", value=str(to), spoken=f"{label}, {to} of {pages}")
        for label, to in (("Previous page", page - 1), ("Next page", page + 1))
        if 1 <= to <= pages
    ]
    return [Presses(tuple(presses))] if presses else []


# What is pressed -----------------------------------------------------------------------------------------------------------


def _move(deed: Deed, view: View) -> Done:
    inbox_views.move(deed.event.desk, deed.event.who, view)
    return Done("done")


def _tab(deed: Deed) -> Done:
    if deed.event.value not in NAMES:
        return Done("stale", "This part of the inbox is not known any more. Nothing was changed.")
    return _move(deed, replace(_seen(deed), tab=deed.event.value, page=1))


def _page(deed: Deed) -> Done:
    if not deed.event.value.isdecimal():
        return Done("stale", "This page is not known. Nothing was changed.")
    return _move(deed, replace(_seen(deed), page=max(1, min(int(deed.event.value[:6]), 1_000))))


def _tag(deed: Deed) -> Done:
    chosen = deed.event.value or deed.event.fields.get("tag", "")
    return _move(deed, replace(_seen(deed), tag="" if chosen == ALL else chosen[:30], page=1))


def _seen(deed: Deed) -> View:
    return inbox_views.view_of(deed.event.desk, deed.event.who)


def _status(deed: Deed) -> Done:
    if deed.event.value not in {"available", "away"}:
        return Done("stale", "This is not known any more. Nothing was changed.")
    agents.set_available(deed.agent.name, deed.event.value == "available", actor=deed.agent.name)
    return Done("done")


def _link(deed: Deed) -> Done:
    """Who may press is linked already; everybody else is told how it is done before they get here."""
    return Done("done", f"You are linked as {deed.agent.public_name}.")


PAGES = {
    "inbox": home,
    "inbox.assign": inbox_forms.assign,
    "inbox.snooze": inbox_forms.snooze,
    "inbox.tags": inbox_tags.form,
}
OPTIONS = {"inbox.assign/agent": inbox_forms.people}
LOOKS = {"inbox.tab": _tab, "inbox.page": _page, "inbox.tag": _tag}
"""They change only what one sees: viewers may, too."""
PRESSES = LOOKS | {
    "inbox.status": _status, "inbox.link": _link, "inbox.assign": inbox_forms.give, "inbox.snooze": inbox_forms.hide,
    "inbox.tags": inbox_tags.save,
}  # fmt: skip
COMMANDS = inbox_tags.COMMANDS
OPENED = {"inbox": inbox_views.looked}
__all__ = ["COMMANDS", "LOOKS", "OPENED", "OPTIONS", "PAGES", "PRESSES", "home", "open_homes"]
