"""Sites and visitors: keys, origins, and tokens that are only ever stored as a hash."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot import accounts
from bot.accounts import SiteError, SiteView
from bot.store import StoreUnavailable
from tests.patience import patient


@pytest.fixture(autouse=True)
def _fresh() -> None:
    accounts.forget_sites()


@pytest.fixture
def site(store: Any) -> SiteView:
    return accounts.add_site("Shop", key="shop", origins=["https://Shop.example/", "https://b.example:8443"])


def test_the_first_site_is_made_once_and_is_for_our_own_pages(store: Any) -> None:
    made = accounts.ensure_default_site()
    assert (made.key, made.origins) == ("demo", ("self",))
    assert accounts.ensure_default_site() == made
    assert accounts.site_by_key("") == made
    assert [one.key for one in accounts.sites()] == ["demo"]


def test_a_site_is_found_by_key_and_id_and_listed_oldest_first(site: SiteView) -> None:
    other = accounts.add_site("Other")
    assert other.key.startswith("site-")
    assert accounts.site_by_key("shop") == site
    assert accounts.site_by_id(other.id) == other
    assert accounts.site_by_key("nobody") is None
    assert [one.key for one in accounts.sites()] == ["shop", other.key]


def test_the_list_of_sites_is_at_most_about_a_second_old(site: SiteView, store: Any) -> None:
    assert len(accounts.sites()) == 1
    store.write(lambda: store.Site.create(id="x", key="late", name="Late", created_at=time.time()))
    time.sleep(1.1)
    assert len(accounts.sites()) == 2


@pytest.mark.parametrize("key", ["a", "UPPER CASE", "-a", "a/b", "ä" * 3, "a" * 41])
def test_keys_that_cannot_be_in_an_address_are_refused(store: Any, key: str) -> None:
    with pytest.raises(SiteError, match="cannot be used"):
        accounts.add_site("x", key=key)


def test_a_key_is_taken_once(site: SiteView) -> None:
    with pytest.raises(SiteError, match="already"):
        accounts.add_site("Again", key="shop")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("*", "*"),
        ("self", "self"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(text: str, origin: str) -> None:
    assert accounts.checked_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["shop.example", "https://", "https://a.example/path", "ftp://a.example", "https://u:p@a.example", "null", ""],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(SiteError, match="no origin"):
        accounts.checked_origin(text)


def test_only_listed_origins_are_allowed(site: SiteView) -> None:
    assert site.allows("https://shop.example")
    assert site.allows("https://b.example:8443")
    for origin in (
        "",
        "null",
        "http://shop.example",
        "https://b.example",
        "https://shop.example.evil.example",
        "https://evil",
    ):
        assert not site.allows(origin, "evil")


def test_self_means_this_installation_whatever_its_address(store: Any, environment: Any) -> None:
    environment(DESKHAND_PUBLIC_URL="https://support.example.com", DESKHAND_PORT="8123")
    own = accounts.ensure_default_site()
    assert own.allows("https://support.example.com", "10.0.0.1:8123")
    assert own.allows("http://localhost:8123", "")
    assert own.allows("http://127.0.0.1:8123", "")
    assert own.allows("http://desk.lan:9000", "desk.lan:9000")
    assert not own.allows("http://localhost:3000", "localhost:8123")
    assert not own.allows("https://evil.example", "support.example.com")
    assert not own.allows("file://", "")


def test_a_token_is_told_once_and_stored_as_a_hash(site: SiteView, store: Any) -> None:
    token, visitor = accounts.new_visitor(site, language="de")
    assert len(token) >= 43
    assert accounts.visitor_of(token) == visitor
    assert accounts.visitor_of(token, site.id) == visitor
    row = store.read(store.Visitor.get)
    assert token not in str(row.__data__)
    assert len(row.token_hash) == 64
    assert store.read(lambda: store.Contact.get_by_id(visitor.contact_id)).language == "de"


def test_wrong_tokens_are_nobody(site: SiteView, store: Any) -> None:
    token, _ = accounts.new_visitor(site)
    for wrong in ("", "x", token[:-1], token + "x", "x" * 5_000, "\ud800" * 30, "' OR 1=1 --" * 3):
        assert accounts.visitor_of(wrong) is None
    assert accounts.visitor_of(token, "another-site") is None


def test_a_revoked_or_expired_token_is_nobody(site: SiteView, store: Any) -> None:
    token, _ = accounts.new_visitor(site)
    assert accounts.revoke(token)
    assert not accounts.revoke(token)
    assert accounts.visitor_of(token) is None
    late, _ = accounts.new_visitor(site)
    store.write(lambda: store.Visitor.update(expires_at=time.time() - 1).execute())
    assert accounts.visitor_of(late) is None


def test_use_prolongs_a_token_but_writes_at_most_once_an_hour(site: SiteView, store: Any) -> None:
    token, _ = accounts.new_visitor(site)

    def left() -> float:
        return float(store.read(lambda: store.Visitor.get().expires_at)) - time.time()

    before = left()
    accounts.visitor_of(token)
    assert abs(left() - before) < 5
    assert store.read(lambda: store.Visitor.get().expires_at) == pytest.approx(time.time() + before, abs=5)
    store.write(lambda: store.Visitor.update(expires_at=time.time() + 100).execute())
    accounts.visitor_of(token)
    store.write(lambda: None)  # behind what was submitted
    deadline = time.monotonic() + patient(5)
    while left() < 29 * 86_400 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left() > 29 * 86_400


def test_a_token_is_known_while_the_database_cannot_be_written(
    site: SiteView, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, visitor = accounts.new_visitor(site)
    store.write(lambda: store.Visitor.update(expires_at=time.time() + 100).execute())
    monkeypatch.setattr(accounts, "submit", lambda _fn, done: done(None, StoreUnavailable("locked")))
    assert accounts.visitor_of(token) == visitor


def test_tokens_that_ended_long_ago_are_deleted(site: SiteView, store: Any) -> None:
    accounts.new_visitor(site)
    accounts.new_visitor(site)
    store.write(lambda: store.Visitor.update(expires_at=time.time() - 2 * 86_400).execute())
    keep, _ = accounts.new_visitor(site)
    assert accounts.drop_expired() == 2
    assert accounts.visitor_of(keep) is not None


def test_the_epoch_stays_until_a_restore(store: Any) -> None:
    first = accounts.epoch()
    assert accounts.epoch() == first
    assert accounts.new_epoch() != first
    assert accounts.epoch() != first


def test_the_sites_are_known_while_the_database_is_away(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.forget_sites()
    accounts.add_site("Shop", key="shop")
    assert [site.key for site in accounts.sites()] == ["shop"]
    store.close_database()
    store.open_database("postgresql://nobody@127.0.0.1:1/away")  # nobody listens there
    monkeypatch.setattr(accounts, "_CACHE_SECONDS", 0.0)
    accounts._cache = (accounts._cache[0], 0.0, accounts._cache[2])
    assert [site.key for site in accounts.sites()] == ["shop"]
    accounts.forget_sites()
    with pytest.raises(StoreUnavailable):
        accounts.sites()


def test_a_site_made_by_another_process_is_there_at_once(store: Any) -> None:
    row = accounts.add_site("Brand new", key="brand-new")
    accounts._cache = (
        accounts.config().database,
        time.monotonic() + 60,
        (),
    )  # as in a process that has just read the sites
    time.sleep(2 * accounts._MISS_SECONDS)
    assert accounts.site_by_key("brand-new") == row
