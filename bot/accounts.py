"""Sites, and the visitors of their widgets: who may talk to us, and as whom.

What reads blocks on the database; in web it is called by ``bot.threads.offload``.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog

from bot import clock
from bot.commit import commit
from bot.config import config
from bot.store import Contact, Identity, Setting, Site, StoreUnavailable, Visitor, read, sql, submit, write
from bot.threads import native_lock

log = structlog.get_logger("accounts")

WIDGET = "widget"
"""Channel name of the identities made here."""
TOKEN_DAYS = 30
SELF = "self"
"""An origin that stands for this installation's own pages, whatever its address is."""

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
_CACHE_SECONDS = 1.0
_MISS_SECONDS = 0.1
"""Between two looks for a key that is not known: strangers who guess cost ten reads a second, not one each."""


class SiteError(Exception):
    """A site cannot be made or changed as asked. The text is one sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """One website as the rest of the code may see it."""

    id: str
    key: str
    name: str
    origins: tuple[str, ...] = ()
    look: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def allows(self, origin: str, host: str = "") -> bool:
        """Whether a page of ``origin`` may use this site's widget. ``host`` is the request's own ``Host`` header."""
        if not origin:
            return False
        origin = origin.lower()
        return "*" in self.origins or origin in self.origins or (SELF in self.origins and _own(origin, host.lower()))


@dataclass(frozen=True, slots=True)
class VisitorView:
    """Who holds a token. ``id`` is the identity's external id on the channel ``widget``."""

    id: str
    contact_id: str
    site_id: str


def _own(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"}:
        return False
    settings = config()
    own = urlsplit(settings.base_url.lower())
    if origin == f"{own.scheme}://{own.netloc}" or (host and parts.netloc == host):
        return True
    return parts.hostname in {"localhost", "127.0.0.1", "::1"} and parts.port == settings.port


# Sites -------------------------------------------------------------------------------------------------------------

_cache: tuple[str, float, tuple[SiteView, ...]] | None = None
_cache_lock = native_lock()
_looked_again = 0.0


def sites(*, now: bool = False) -> tuple[SiteView, ...]:
    """All sites, oldest first. A copy of at most a second's age, or as they are ``now``; while the database is away, the last one."""
    global _cache
    cached = _cache
    if cached is not None and cached[0] != config().database:
        cached = None
    if cached is not None and not now and time.monotonic() < cached[1]:
        return cached[2]
    if cached is not None and not now:
        # One thread looks again; the others go on with what is known meanwhile.
        with _cache_lock:
            if _cache is not None and _cache is not cached:
                return _cache[2]
            _cache = cached = (cached[0], time.monotonic() + _CACHE_SECONDS, cached[2])
    try:
        views = read(lambda: tuple(_view(row) for row in Site.select().order_by(Site.created_at, Site.id)))
    except StoreUnavailable:
        if cached is None:
            raise
        return cached[2]
    with _cache_lock:
        _cache = (config().database, time.monotonic() + _CACHE_SECONDS, views)
    return views


def site_by_key(key: str) -> SiteView | None:
    """The site with this public key, the first site for an empty one, ``None`` if there is none."""
    global _looked_again
    found = _among(sites(), key)
    if found is None and time.monotonic() - _looked_again > _MISS_SECONDS:
        # Perhaps it was made a moment ago: a page that shows a new site for the first time must not be told that it does not exist.
        _looked_again = time.monotonic()
        found = _among(sites(now=True), key)
    return found


def _among(known: Sequence[SiteView], key: str) -> SiteView | None:
    return next((site for site in known if site.key == key or not key), None)


def site_by_id(site_id: str) -> SiteView | None:
    return next((site for site in sites() if site.id == site_id), None)


def forget_sites() -> None:
    """Read the sites again at the next call."""
    global _cache
    _cache = None


def _view(row: Site) -> SiteView:
    return SiteView(
        id=row.id,
        key=row.key,
        name=row.name,
        origins=tuple(row.origins),
        look=dict(row.look),
        settings=dict(row.settings),
    )


def add_site(
    name: str,
    *,
    key: str = "",
    origins: Sequence[str] = (SELF,),
    look: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> SiteView:
    """Make a site. ``key`` is public and made if it is empty. Raises :class:`SiteError`."""
    name = name.strip()
    if not name:
        raise SiteError("A site needs a name. Give it one.")
    key = key.strip().lower() or f"site-{secrets.token_hex(6)}"
    if not _KEY.fullmatch(key):
        raise SiteError(f"The key {key!r} cannot be used: take 2 to 40 lower-case letters, digits and hyphens.")
    checked = [checked_origin(origin) for origin in origins]
    from bot import hours  # which knows of sites itself

    def work() -> SiteView:
        if Site.get_or_none(Site.key == key) is not None:
            raise SiteError(f"There is a site with the key {key} already. Take another key.")
        row = Site.create(
            id=clock.new_id(),
            key=key,
            name=name,
            origins=checked,
            look=dict(look or {}),
            settings=dict(settings or {}),
            created_at=clock.now(),
        )
        hours.ask_anew()
        return _view(row)

    view = write(work)
    forget_sites()
    return view


def checked_origin(text: str) -> str:
    """Bring an origin into the form browsers send. Raises :class:`SiteError`."""
    text = text.strip().lower()
    if text in {"*", SELF}:
        return text
    parts = urlsplit(text)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path.strip("/")
        or parts.query
        or "@" in parts.netloc
    ):
        raise SiteError(f"{text!r} is no origin. Write it as https://shop.example, without a path.")
    port = f":{parts.port}" if parts.port and parts.port != {"http": 80, "https": 443}[parts.scheme] else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def ensure_default_site() -> SiteView:
    """The first site; made with the key ``demo`` for this installation's own pages if there is none."""
    existing = site_by_key("")
    if existing is not None:
        return existing
    try:
        return add_site(
            "Fjord & Fern",
            key="demo",
            settings={
                "title": "Help",
                "welcome": "Hello. Ask me anything about the shop.",
                "starters": ["Where is my order?", "How do I return something?", "What does shipping cost?"],
                "locale": "en",
            },
        )
    except SiteError:  # another process was faster
        forget_sites()
        return sites()[0]


# Visitors ----------------------------------------------------------------------------------------------------------


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_visitor(site: SiteView, *, language: str = "") -> tuple[str, VisitorView]:
    """Make a visitor with a token of 256 bits. Only its SHA-256 is stored: the token is told once, here.

    In web call it in a greenlet, without ``offload``.
    """
    token = secrets.token_urlsafe(32)
    visitor = VisitorView(id=clock.new_id(), contact_id=clock.new_id(), site_id=site.id)
    now = clock.now()

    def work() -> None:
        identity = clock.new_id()
        Contact.insert(id=visitor.contact_id, site=site.id, language=language, created_at=now).execute()
        Identity.insert(
            id=identity, contact=visitor.contact_id, channel=WIDGET, external_id=visitor.id, created_at=now
        ).execute()
        Visitor.insert(
            token_hash=_hash(token),
            site=site.id,
            identity=identity,
            created_at=now,
            expires_at=now + TOKEN_DAYS * 86_400,
        ).execute()

    commit(work)
    return token, visitor


_FIND = (
    "SELECT v.site_id, v.expires_at, i.external_id, i.contact_id FROM visitor v JOIN identity i ON i.id = v.identity_id"
    " WHERE v.token_hash = ? AND v.revoked = ? AND v.expires_at > ?"
)


def visitor_of(token: str, site_id: str = "") -> VisitorView | None:
    """Whom ``token`` belongs to; ``None`` if it is unknown, expired, revoked or another site's. Using it prolongs it, soon."""
    if not 20 <= len(token) <= 100:
        return None
    hashed, now = _hash(token), clock.now()
    row = read(lambda: sql(_FIND, (hashed, False, now)).fetchone())
    if row is None or (site_id and row[0] != site_id):
        return None
    fresh = now + TOKEN_DAYS * 86_400
    if fresh - row[1] > 3_600:  # at most one write an hour
        # Nobody waits for it: a database that cannot be written now still says who this is.
        submit(lambda: sql("UPDATE visitor SET expires_at = ? WHERE token_hash = ?", (fresh, hashed)), _prolonged)
    return VisitorView(id=row[2], contact_id=row[3], site_id=row[0])


def visitor_contact(visitor_id: str) -> str:
    """Whose identity this visitor's is now: it changes when a conversation is carried over and two contacts become one."""
    row = read(
        lambda: sql(
            "SELECT contact_id FROM identity WHERE channel = ? AND external_id = ?", (WIDGET, visitor_id)
        ).fetchone()
    )
    return str(row[0]) if row else ""


def _prolonged(_cursor: Any, error: BaseException | None) -> None:
    if error is not None:
        log.info("token_not_prolonged", reason=type(error).__name__)


def revoke(token: str) -> bool:
    """Make ``token`` void. False if it was not valid."""
    hashed = _hash(token)
    done = write(
        lambda: (
            sql("UPDATE visitor SET revoked = ? WHERE token_hash = ? AND revoked = ?", (True, hashed, False)).rowcount
        )
    )
    return bool(done)


def drop_expired() -> int:
    """Delete tokens that ended more than a day ago; returns how many. For the ticker."""
    before = clock.now() - 86_400
    return int(write(lambda: Visitor.delete().where(Visitor.expires_at < before).execute()))


# Epoch -------------------------------------------------------------------------------------------------------------


_epoch: tuple[str, float, str] = ("", 0.0, "")


def epoch() -> str:
    """Changes after a restore from backup: clients then forget what they cached. Made at first use; of at most 2 s' age."""
    global _epoch
    database, until, value = _epoch
    if database != config().database or time.monotonic() >= until:
        value = _stored_epoch()
        _epoch = (config().database, time.monotonic() + 2.0, value)
    return value


def _stored_epoch() -> str:
    row = read(lambda: Setting.get_or_none(Setting.key == "epoch"))
    if row is not None:
        return str(row.value)

    def work() -> str:
        Setting.insert(key="epoch", value=secrets.token_hex(4), changed_at=clock.now()).on_conflict_ignore().execute()
        return str(Setting.get(Setting.key == "epoch").value)

    return write(work)


def new_epoch() -> str:
    """Start a new epoch, after a restore."""
    global _epoch
    value = secrets.token_hex(4)

    def work() -> None:
        Setting.insert(key="epoch", value=value, changed_at=clock.now()).on_conflict(
            conflict_target=[Setting.key], preserve=[Setting.value, Setting.changed_at]
        ).execute()

    write(work)
    _epoch = ("", 0.0, "")
    return value
