"""The outbox of one channel, for the process that leads its credential: what is due, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import structlog
from peewee import IntegrityError

from bot import (
    amendments,
    clock,
    declarations,
    deliver,
    desk_messages,
    desk_posts,
    early_reactions,
    files,
    lease,
    open_threads,
    outgoing,
    personal_posts,
)
from bot.channel import Channel, Limits, Resend
from bot.deliver import Claimed, Compose
from bot.desk import Desk, DeskPost, OpenThread, Posted
from bot.failpoints import failpoint
from bot.messages import Outbound, Sent
from bot.metrics import counter
from bot.open_threads import Outage
from bot.store import read, write

log = structlog.get_logger("outbox")

NONCE_SECONDS = 120.0
"""How long a platform with nonces is trusted to remember one."""

CHANGES = frozenset({"edit", "delete", "react"})
"""Operations that say how one message is to be. Nobody needs to decide whether they are repeated."""

Step = Literal["send", "find", "hold"]


class Outbox:
    """Blocking calls; ``channels.host`` makes them in threads. ``uncertain``: what to do when nobody can tell."""

    def __init__(self, channel: Channel, *, uncertain: Literal["resend", "hold"] = "resend") -> None:
        self.channel = channel
        self.uncertain = uncertain
        self._address(channel.name, channel.limits, channel.resend, can_find=type(channel).find is not Channel.find)

    def _address(self, name: str, limits: Limits, resend: Resend, *, can_find: bool) -> None:
        self.name = name
        """The ``channel`` of the delivery rows."""
        self.timeout = limits.timeout
        self.resend = resend
        self.can_find = can_find

    def declare(self) -> None:
        """Make the channel's limits known to whoever plans deliveries."""
        write(lambda: declarations.declare(self.channel))

    def due(self) -> list[str]:
        """Places with something to do now."""
        return read(lambda: deliver.due_places(self.name))

    def claim(self, place: str) -> Claimed | None:
        """Take the head of a place; it is committed as ``sending`` before this returns. The bytes of a file are read after that."""
        while True:
            claimed = write(
                lambda: deliver.claim_head(self.name, place, lease.owner(), self.timeout, self._compose, self._gave_up)
            )
            if claimed is None or not claimed.out.files:
                return claimed
            try:
                whole = tuple(read(lambda file=file: files.load(file.id))[0] for file in claimed.out.files)  # type: ignore[misc]
            except files.Gone as gone:
                self.refused(claimed, str(gone))
                continue
            whole = tuple(replace(one, url=file.url) for one, file in zip(whole, claimed.out.files, strict=True))
            return replace(claimed, out=replace(claimed.out, files=whole))

    _compose: Compose = staticmethod(outgoing.compose)

    def _gave_up(self, message: str) -> None:
        """A delivery of this message is dead: its agent sees it."""
        self.count("dead")
        desk_posts.followed(message)

    def step(self, claimed: Claimed) -> Step:
        """What to do with it: send, look whether it arrived, or hold it for an operator."""
        if not claimed.settle:
            return "send"
        resend = self.resend
        if resend in {Resend.NATIVE, Resend.STABLE_ID}:
            return "send"
        if resend is Resend.NONCE and clock.now() - (claimed.out.first_sent_at or 0) < NONCE_SECONDS:
            return "send"
        if resend in {Resend.READBACK, Resend.NONCE} and self.can_find:
            return "find"
        return "send" if self.uncertain == "resend" or self._repeatable(claimed) else "hold"

    def _repeatable(self, claimed: Claimed) -> bool:
        """Done twice is done once: a change of what is there, or what the channel knows to be one."""
        out = claimed.out
        return isinstance(out, Outbound) and (out.op in CHANGES or self.channel.repeatable(out))

    def count(self, outcome: str) -> None:
        """Count what became of a delivery, for ``/metrics``: the doubled and the held of a platform that can do no better are told,
        not hidden."""
        counter(
            "deliveries_total",
            "Deliveries by outcome: sent, retried, uncertain, resent (after uncertain), found, missing, held, refused, dead",
            ("channel", "outcome"),
        ).labels(self.name, outcome).inc()

    def sent(self, claimed: Claimed, sent: Sent) -> None:
        """It arrived."""
        self.count("sent")
        failpoint("out.before_sent")
        try:
            write(lambda: self._sent(claimed, sent.platform_id))
        except IntegrityError:
            # It was sent all the same: an id that the platform gave twice must not send it again.
            log.warning("platform_id_given_twice", channel=self.name, delivery=claimed.out.key)
            write(lambda: self._sent(claimed, ""))
        failpoint("out.after_sent")

    def not_sent(self, claimed: Claimed, reason: str, retry_after: float | None = None) -> None:
        """Certainly not sent: again later."""
        self.count("retried")
        write(lambda: deliver.mark_not_sent(claimed.ord, lease.owner(), reason, retry_after, settle=claimed.settle))

    def perhaps(self, claimed: Claimed, reason: str) -> None:
        """Perhaps sent: settled after the grace."""
        self.count("uncertain")
        again = claimed.settle and self.step(claimed) == "send"
        write(lambda: deliver.mark_uncertain(claimed.ord, lease.owner(), reason, self.timeout, again=again))

    def missing(self, claimed: Claimed) -> None:
        """Looked up and not there: send it now."""
        self.count("missing")
        write(lambda: deliver.mark_pending(claimed.ord, lease.owner()))

    def refused(self, claimed: Claimed, reason: str) -> None:
        """The platform will never take it."""
        self.count("refused")
        write(lambda: self._refused(claimed, reason))

    def hold(self, claimed: Claimed) -> None:
        """Only an operator can tell; see ``deskhand deadletters``."""
        self.count("held")
        write(lambda: self._held(claimed))

    def _held(self, claimed: Claimed) -> None:
        deliver.mark_dead(claimed.ord, lease.owner(), "perhaps sent; nobody can tell", state="held")
        desk_posts.followed(claimed.message)

    def _sent(self, claimed: Claimed, platform_id: str) -> None:
        deliver.mark_sent(claimed.ord, platform_id)
        desk_posts.followed(claimed.message)

    def _refused(self, claimed: Claimed, reason: str) -> None:
        deliver.mark_dead(claimed.ord, lease.owner(), reason)
        desk_posts.followed(claimed.message)
        if claimed.out.op != "send":
            desk_posts.not_followed(claimed.ord)


class DeskOutbox(Outbox):
    """The outbox of one desk."""

    _compose = staticmethod(desk_posts.compose)

    def __init__(self, desk: Desk, *, uncertain: Literal["resend", "hold"] = "resend") -> None:
        self.desk = desk
        self.uncertain = uncertain
        self.outage = Outage()
        can_find = type(desk).find is not Desk.find
        self._address(desk_messages.PREFIX + desk.name, desk.limits, desk.resend, can_find=can_find)

    def declare(self) -> None:
        """Make the desk known: from now on tickets open threads there."""
        write(lambda: desk_posts.declare(self.desk))

    def _gave_up(self, message: str) -> None:
        self.count("dead")
        personal_posts.ended(message, "dead", "it was tried for too long")

    def _held(self, claimed: Claimed) -> None:
        deliver.mark_dead(claimed.ord, lease.owner(), "perhaps posted; nobody can tell", state="held")
        personal_posts.ended(claimed.message, "held", "perhaps posted; nobody can tell")

    def withdraw(self) -> None:
        """The desk is off: no new threads there."""
        write(lambda: desk_posts.withdraw(self.desk.name))

    def connected(self, yes: bool) -> None:
        """Agents can be reached from now on, or no longer: customers are promised accordingly."""
        if yes:
            self.outage.ended(read(lambda: open_threads.seen(self.desk.name)))
            self.stay_connected()
        else:
            lease.resign(self.name)

    def stay_connected(self) -> None:
        """They still can be: to be said every few seconds."""
        lease.lead(self.name)
        write(lambda: open_threads.see(self.desk.name), durable=False)

    def threads(self) -> list[OpenThread]:
        """Threads that may have news: of open tickets, and of those resolved since the last outage began. Those whose card's post is
        uncertain follow when it is settled."""
        write(lambda: open_threads.missed(self.desk.name))
        return read(lambda: open_threads.open_now(self.desk.name, self.outage.begins()))

    def late_threads(self) -> list[OpenThread]:
        """Threads in which somebody wrote before it was known whose they are."""
        return read(lambda: open_threads.late(self.desk.name))

    def caught_up(self, thread: OpenThread) -> None:
        """One of them was read."""
        write(lambda: open_threads.caught_up(self.desk.name, thread.place, thread.thread))

    def posted(self, claimed: Claimed, posted: Posted) -> None:
        """The desk shows it; the first card tells the thread."""
        failpoint("desk.before_posted")

        def work(post_id: str) -> None:
            amendments.hold(claimed.place)  # whoever keeps an emoji for this very post comes first
            deliver.mark_sent(claimed.ord, post_id)
            if isinstance(claimed.out, DeskPost) and claimed.out.op == "card":
                desk_posts.opened(claimed.place, self.desk.name, posted.thread, posted.link)
            personal_posts.ended(claimed.message, "sent")
            if isinstance(claimed.out, DeskPost) and post_id:
                early_reactions.settle(self.desk.name, claimed.place, claimed.out.place, post_id)

        try:
            write(lambda: work(posted.id))
        except IntegrityError:
            log.warning("platform_id_given_twice", channel=self.name, delivery=claimed.out.key)
            write(lambda: work(""))
        failpoint("desk.after_posted")

    def thread_gone(self, claimed: Claimed, reason: str) -> None:
        """The thread is not there any more: open another one, which begins with what this delivery was to say."""
        out = claimed.out
        thread = out.thread if isinstance(out, DeskPost) else ""
        if isinstance(out, DeskPost) and out.op == "card" and not thread:
            write(lambda: self._own_place(claimed, out.place, reason))
            return
        opened = write(lambda: self._another_thread(claimed, thread))
        if opened:
            log.warning("thread_gone", channel=self.name, thread=thread, reason=reason, next="another one is opened")

    def _own_place(self, claimed: Claimed, place: str, reason: str) -> None:
        """Certainly not posted, so the same card goes out once more, at the desk's own place; all that follows it waits behind it."""
        if desk_posts.open_at_own_place(claimed.place, self.desk.name, place, reason):
            deliver.mark_pending(claimed.ord, lease.owner())

    def _another_thread(self, claimed: Claimed, thread: str) -> bool:
        opened = desk_posts.open_another(claimed.place, self.desk.name, thread)
        if opened:
            deliver.mark_superseded(claimed.ord, lease.owner())
        return opened

    def _refused(self, claimed: Claimed, reason: str) -> None:
        deliver.mark_dead(claimed.ord, lease.owner(), reason)
        personal_posts.ended(claimed.message, "dead", reason)
