"""Websites as articles: one page, the pages that links or a sitemap lead to, politely and within the site's robots.txt."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from bot import (
    Finding,
    Gone,
    KnowledgeSource,
    LeftOut,
    Outward,
    OutwardAnswer,
    OutwardFailed,
    Place,
    PluginInfo,
    Remember,
    Settings,
    SourceArticle,
    SourceFailed,
    SourceOrder,
    SourceReader,
    SourceRefused,
    Unchanged,
    __version__,
    check_address,
    hookimpl,
    setting,
)

from ._reader import Reading, Unreadable
from ._robots import AGENT, MAX_MAPS, Robots, read_sitemap
from .tables import finding

PLUGIN = PluginInfo(title="Websites", summary="Articles come from pages of websites.", on=True)
HTML = ("text/html", "application/xhtml+xml")
TEXT = ("text/plain", "text/markdown")
TABLES = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
TYPES = frozenset({*HTML, *TEXT, *TABLES, "application/pdf"})
REMEMBERED_LINKS = 300
MAX_DEPTH = 20
FORMAT = "1"
"""Remembered with each page: raise it when pages are to be read again although they did not change."""
_TRACKING = re.compile(r"(utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|_ga|ref_src)", re.IGNORECASE)
_NO_PAGE = re.compile(
    r"\.(png|jpe?g|gif|webp|svg|ico|css|js|mjs|json|xml|rss|atom|zip|gz|tar|rar|7z|mp[34]|m4[av]|webm|mov|avi|ogg|wav|woff2?|ttf|eot|docx?"
    r"|pptx?|exe|dmg|apk|ics)$",
    re.IGNORECASE,
)


class WebsiteSettings(Settings):
    delay: float = setting(
        0.5,
        ge=0,
        le=60,
        label="Pause",
        help="Seconds between two requests to a site. A longer pause that the site asks for is kept.",
    )
    pages: int = setting(1_000, ge=1, le=20_000, label="Pages", help="Pages of one website at most.")


class WebsiteSource(KnowledgeSource):
    kind = "web"
    title = "website"

    def __init__(self, settings: WebsiteSettings) -> None:
        self.settings = settings

    def accepts(self, address: str) -> bool:
        return address.lower().startswith(("https://", "http://"))

    def check(self, order: SourceOrder) -> SourceOrder:
        """Asks the site once, so that a wrong address is said at once and not in a log."""
        options = self._options(order)
        try:
            with _client() as client:
                start = plain_address(order.address)
                problem = Robots(client).problem(start)
                if problem:
                    raise SourceRefused(f"{start} cannot be a source: {problem}.")
                answer = client.fetch(start)
        except OutwardFailed as error:
            raise SourceRefused(f"{order.address} cannot be a source: {error}.") from None
        if answer.status != 200:
            raise SourceRefused(f"{order.address} cannot be a source: the server answered {answer.status}.")
        end = plain_address(answer.url)
        if _is_map(answer):
            options["sitemap"] = True
        elif answer.type and answer.type not in TYPES:
            raise SourceRefused(f"{order.address} cannot be a source: it is {answer.type}, which cannot be read here.")
        return replace(order, address=end, options=options)

    def _options(self, order: SourceOrder) -> dict[str, Any]:
        told = order.options
        depth, pages = int(told.get("depth") or 0), int(told.get("pages") or self.settings.pages)
        if not 0 <= depth <= MAX_DEPTH:
            raise SourceRefused(f"Links are followed for at most {MAX_DEPTH} steps.")
        if not 1 <= pages <= 20_000:
            raise SourceRefused("A website may have between 1 and 20,000 pages here.")
        kept = {"sitemap": bool(told.get("sitemap")), "depth": depth, "pages": pages}
        return kept | {name: told[name] for name in ("default_language",) if name in told}

    def open(self, order: SourceOrder) -> SourceReader:
        return WebsiteReader(order, self.settings.delay)


class WebsiteReader(SourceReader):
    """One look at one website."""

    def __init__(self, order: SourceOrder, delay: float) -> None:
        self.start = order.address
        self.options = order.options
        self.delay = delay
        self.client = _client()
        self.robots = Robots(self.client)
        self.reading = Reading()
        self._asked_at = float("-inf")

    def close(self) -> None:
        self.client.close()
        self.reading.close()

    # Where to look --------------------------------------------------------------------------------------------------

    def places(self) -> Iterable[Place]:
        if not self.options.get("sitemap"):
            return [Place(path=self.start, hint={"depth": 0})]
        try:
            return self._mapped()
        except OutwardFailed as error:
            raise SourceFailed(
                f"The sitemap of {self.start} cannot be read: {error}. Its articles stay as they were."
            ) from None

    def _mapped(self) -> list[Place]:
        found: dict[str, Place] = {}
        maps, seen = self._maps(), set[str]()
        most = int(self.options["pages"])
        while maps and len(seen) < MAX_MAPS and len(found) <= most:
            address = maps.pop(0)
            if address in seen:
                continue
            seen.add(address)
            answer = self._fetch(address, {}, types=())
            if answer.status != 200:
                raise OutwardFailed(f"{address} answered {answer.status}")
            try:
                for told, changed, is_map in read_sitemap(answer.body):
                    if is_map:
                        maps.append(told)
                    elif (page := self._in_scope(told)) and len(found) <= most:
                        found[page] = Place(path=page, hint={"depth": 0, "changed": changed})
            except ValueError as error:
                raise OutwardFailed(f"{address}: {error}") from None
        if not found:  # a cache that is empty for a moment, or a page where a sitemap should be
            raise OutwardFailed(f"{address} names no page of this website")
        return list(found.values())

    def _maps(self) -> list[str]:
        if urlsplit(self.start).path.lower().endswith((".xml", ".xml.gz")):
            return [self.start]
        named = self.robots.sitemaps(self.start)
        return named or ["{0.scheme}://{0.netloc}/sitemap.xml".format(urlsplit(self.start))]

    def _in_scope(self, url: str) -> str:
        """The address in its one form if it belongs to this website, else nothing: same host, below the folder of the start."""
        try:
            address = plain_address(url)
        except OutwardFailed:
            return ""
        start, here = urlsplit(self.start), urlsplit(address)
        folder = "/" if start.path.lower().endswith((".xml", ".xml.gz")) else start.path.rsplit("/", 1)[0] + "/"
        inside = here.path.startswith(folder) or address == self.start
        same = here.netloc == start.netloc and here.scheme == start.scheme
        return address if same and inside and not _NO_PAGE.search(here.path) else ""

    # One page -------------------------------------------------------------------------------------------------------

    def read(self, place: Place, note: Mapping[str, Any]) -> Iterator[Finding]:
        known = note if note.get("format") == FORMAT else {}
        try:
            problem = self.robots.problem(place.path)
            if problem:
                yield Gone(
                    certain=False
                )  # a robots.txt that was put there by mistake must not empty the knowledge base in one look
                yield LeftOut("the page", problem)
                return
            answer = self._fetch(place.path, _conditions(known))
        except OutwardFailed as error:
            yield LeftOut("", str(error))
            return
        if answer.status in {404, 410}:
            yield Gone(certain=True)
        elif answer.status == 304 and known:
            yield Unchanged()
            yield from self._follow(place, known.get("links", ()))
        elif answer.status != 200:
            yield LeftOut("", f"the server answered {answer.status}")
        elif (end := plain_address(answer.url)) != place.path:
            yield from self._moved(place, end, certain=not answer.for_now)
        else:
            yield from self._page(place, answer, known)

    def _moved(self, place: Place, end: str, *, certain: bool) -> Iterator[Finding]:
        """``certain``: for good. A site that sends everybody to its maintenance page for an hour has lost nothing."""
        inside = self._in_scope(end)
        if inside:
            yield Place(path=inside, hint=place.hint)
            yield Gone(certain=certain)
        elif place.path == self.start:
            yield LeftOut("", f"it redirects to {end} now. Add that address if it is meant")
        else:
            yield Gone(certain=certain)

    def _page(self, place: Place, answer: OutwardAnswer, known: Mapping[str, Any]) -> Iterator[Finding]:
        digest = hashlib.sha256(answer.body).hexdigest()
        marks = {
            "format": FORMAT, "digest": digest, "etag": answer.headers.get("etag", "")[:500],
            "modified": answer.headers.get("last-modified", "")[:100],
        }  # fmt: skip
        if digest == known.get("digest"):
            yield Unchanged()
            yield Remember({**known, **marks})
            yield from self._follow(place, known.get("links", ()))
            return
        try:
            links = yield from self._taken_apart(place, answer)
        except Unreadable as error:
            yield LeftOut("", str(error))
            return
        yield Remember({**marks, "links": links[:REMEMBERED_LINKS]})
        yield from self._follow(place, links)

    def _taken_apart(
        self, place: Place, answer: OutwardAnswer
    ) -> Iterator[Finding]:  # its value: the links that belong to us
        changed = _date(answer, str(place.hint.get("changed", "")))
        name = urlsplit(place.path).path.rsplit("/", 1)[-1] or place.path
        if answer.type == "application/pdf":
            got = self.reading.one("pdf", answer.body, name=name)
            yield SourceArticle(title=got["title"], body=got["body"], url=place.path, updated=got["updated"] or changed)
            return []
        if answer.type in TABLES:
            for row in self.reading.ask("rows", answer.body, name=name):
                found = finding(row)
                yield replace(found, url=found.url or place.path) if isinstance(found, SourceArticle) else found
            return []
        if answer.type in TEXT:
            text = answer.body.decode("utf-8", "replace")
            yield SourceArticle(title=_first_heading(text) or name, body=text, url=place.path, updated=changed)
            return []
        got = self.reading.one("html", answer.body, url=answer.url, charset=_charset(answer))
        links = list(
            dict.fromkeys(page for link in got["links"] if (page := self._in_scope(link)) and page != place.path)
        )
        canonical = self._canonical(got["canonical"])
        asked = answer.headers.get("x-robots-tag", "").lower()
        if got["noindex"] or "noindex" in asked or "none" in asked.replace(",", " ").split():
            yield Gone(certain=True)
        elif canonical and canonical != place.path:
            yield Place(path=canonical, hint=place.hint)
            yield Gone(certain=True)
        else:
            yield SourceArticle(
                title=got["title"],
                body=got["body"],
                url=place.path,
                language=_language(got["language"]),
                updated=got["updated"] or changed,
            )
        return links

    def _canonical(self, told: str) -> str:
        """The page's own idea of its address, if it is one of this website: another host's would take the articles away."""
        return self._in_scope(told) if told else ""

    def _follow(self, place: Place, links: Iterable[str]) -> Iterator[Place]:
        depth = int(place.hint.get("depth", 0)) + 1
        if depth <= int(self.options.get("depth", 0)) and not place.hint.get("lost"):
            for link in links:
                yield Place(path=link, hint={"depth": depth})

    def _fetch(self, url: str, headers: Mapping[str, str], types: Iterable[str] = TYPES) -> OutwardAnswer:
        pause = max(self.delay, self.robots.delay(url))
        wait = self._asked_at + pause - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._asked_at = time.monotonic()
        return self.client.fetch(url, headers=headers, types=frozenset(types))


def plain_address(url: str) -> str:
    """An address in its one form: no fragment, no default port, no marks of campaigns. Raises :class:`bot.OutwardRefused`."""
    scheme, host, port = check_address(url.strip())
    parts = urlsplit(url.strip())
    netloc = f"[{host}]" if ":" in host else host
    netloc += "" if port == {"http": 80, "https": 443}[scheme] else f":{port}"
    told = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in told if not _TRACKING.fullmatch(name)]
    query = parts.query if len(kept) == len(told) else urlencode(kept)
    return urlunsplit((scheme, netloc, quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~"), query, ""))


def _client() -> Outward:
    return Outward(agent=f"{AGENT}/{__version__} (knowledge base)")


def _conditions(known: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    if known.get("etag"):
        found["if-none-match"] = str(known["etag"])
    if known.get("modified"):
        found["if-modified-since"] = str(known["modified"])
    return found


def _is_map(answer: OutwardAnswer) -> bool:
    start = answer.body[:2_000].lstrip()
    return b"<urlset" in start or b"<sitemapindex" in start


def _charset(answer: OutwardAnswer) -> str:
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", answer.headers.get("content-type", ""), re.IGNORECASE)
    return found[1] if found else ""


def _date(answer: OutwardAnswer, told: str) -> str:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", told):
        return told
    try:
        return parsedate_to_datetime(answer.headers.get("last-modified", "")).date().isoformat()
    except (ValueError, TypeError):
        return ""


def _language(told: str) -> str:
    return told if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", told) else ""


def _first_heading(text: str) -> str:
    found = re.search(r"^#\s+(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


@hookimpl
def settings_schema() -> type[Settings]:
    return WebsiteSettings


@hookimpl
def knowledge_source(settings: WebsiteSettings) -> KnowledgeSource:
    return WebsiteSource(settings)
