"""Everybody's inbox (Slack: App Home), shown anew when it has changed. Trouble here never disturbs listening."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from bot import DeskInbox, Page, Wanted

from .failures import code_of, failure_of, retry_after
from .heard import DESK
from .pacing import Bucket
from .pages import home_view
from .people import People
from .visits import INBOX

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
EVERY = 3.0
"""Seconds between two looks at who is there and what has changed."""
EACH = 0.15
"""Seconds more for each inbox that is open: making them is work for the database."""
A_PERSON = 5.0
"""Seconds between two publications for one person, but for those that follow what they did themselves."""
A_MINUTE, BURST = 50, 10
OWN_A_MINUTE, OWN_BURST = 25, 15
"""Publications for all in a minute, and at once; those that follow what somebody did have their own. Slack allows a hundred or so."""
SAID = 20.0
"""Seconds for which a sentence stands above an inbox."""
READS = 4
"""Inboxes that are made at once."""
LONGEST_PAUSE = 300.0
GONE_FOR = 600.0
"""Seconds for which somebody whom Slack does not know is left alone."""
_NOBODY = {"user_not_found", "user_not_visible", "user_disabled", "account_inactive"}


@dataclass
class _Home:
    """What is known of one person's inbox. Each is published by one at a time, so that an older one never covers a newer one."""

    digest: str = ""
    at: float = 0.0
    said: str = ""
    said_until: float = 0.0
    task: asyncio.Task[None] | None = None
    again: bool = False
    trouble: str = ""


class Homes:
    """Publishes inboxes: in the background those that ``inbox.homes()`` names, and at once what :meth:`soon` asks for."""

    def __init__(self, client: AsyncWebClient, people: People, inbox: DeskInbox) -> None:
        self.client, self.people, self.inbox = client, people, inbox
        self._homes: dict[str, _Home] = {}
        self._bucket = Bucket(BURST, A_MINUTE / 60)
        self._own = Bucket(OWN_BURST, OWN_A_MINUTE / 60)
        self._paused_until = 0.0
        self._off = ""
        self._reads = asyncio.Semaphore(READS)
        self.tasks: set[asyncio.Task[None]] = set()
        """What is under way to people."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began = time.monotonic()
            people: list[str] = []
            try:
                people = list(await self.inbox.homes())
                users = {user: self._homes.setdefault(user, _Home()) for one in people if (user := _user(one))}
                # Who has waited longest is first, so that all have their turn when there are more than Slack takes.
                await asyncio.gather(*(self._look(user) for user in sorted(users, key=lambda one: users[one].at)))
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("homes_not_looked_at", desk="slack", reason=type(error).__name__)
            pause = max(EVERY, len(people) * EACH)
            await asyncio.sleep(max(EVERY / 3, pause - (time.monotonic() - began)))

    async def stop(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def forget(self) -> None:
        """The connection was away: what people see is not known any more, and everything is published again."""
        for home in self._homes.values():
            home.digest = ""

    def soon(self, user: str, *, said: str = "", page: Page | None = None) -> None:
        """Publish somebody's inbox now, because of what they did. ``said`` stands above it for a while."""
        home = self._homes.setdefault(user, _Home())
        if said:
            home.said, home.said_until = said, time.monotonic() + SAID
        self._start(self._published(user, home, page=page, own=True))

    def _start(self, what: Any) -> None:
        task = asyncio.ensure_future(what)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _look(self, user: str) -> None:
        home = self._homes.setdefault(user, _Home())
        if time.monotonic() - home.at >= A_PERSON:
            await self._published(user, home)

    async def _published(self, user: str, home: _Home, *, page: Page | None = None, own: bool = False) -> None:
        """Make the inbox and publish it if it is another one than before. Of several that wait only one is made."""
        if home.task is not None and not home.task.done():
            home.again = home.again or own
            return
        home.task = asyncio.current_task()
        try:
            while True:
                home.again = False
                await self._publish(user, home, page, own=own)
                page, own = None, True
                if not home.again:
                    return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            home.at = time.monotonic()
            self._log(home, f"{type(error).__name__}: {error}"[:200])
        finally:
            home.task = None

    async def _publish(self, user: str, home: _Home, page: Page | None, *, own: bool) -> None:
        if self._off or (not own and time.monotonic() < self._paused_until):
            return
        if page is None:
            person = await self.people.get(user)
            wanted = Wanted(
                desk=DESK, who=person.id, who_name=person.name, trusted=person.trusted, zone=person.zone, name=INBOX, again=not own
            )  # fmt: skip
            async with self._reads:
                page = await self.inbox.page(wanted)
        view = home_view(page, home.said if time.monotonic() < home.said_until else "")
        digest = hashlib.sha256(orjson.dumps(view)).hexdigest()
        if digest == home.digest:
            return
        if own:
            await asyncio.sleep(max(0.0, self._own.take(), self._paused_until - time.monotonic()))
        elif self._bucket.take(0.0) > 0:
            return  # made anew when there is room: what is true then counts
        try:
            await self.client.views_publish(user_id=user, view=view)
        except Exception as error:
            self._refused(home, error)
            return
        home.digest, home.at, home.trouble = digest, time.monotonic(), ""

    def _refused(self, home: _Home, error: Exception) -> None:
        response = getattr(error, "response", None)
        code = code_of(response)
        home.at = time.monotonic()
        if getattr(response, "status_code", 0) == 429 or code == "ratelimited":
            self._paused_until = time.monotonic() + min(retry_after(response), LONGEST_PAUSE)
        if code == "not_enabled":
            self._off = code
            log.warning(
                "homes_off", desk="slack", reason="the app has no Home tab",
                next="switch it on (App Home, Show Tabs) and start Deskhand again",
            )  # fmt: skip
            return
        if code in _NOBODY:
            home.at += GONE_FOR
        self._log(home, str(failure_of(error)))

    def _log(self, home: _Home, reason: str) -> None:
        """Once, and not every few seconds."""
        if reason != home.trouble:
            log.warning("home_not_published", desk="slack", reason=reason, next="again when it is looked at")
        home.trouble = reason


def _user(person: str) -> str:
    """Slack's own id of a person of the core's: the team before it is left out."""
    return person.rpartition(":")[2]
