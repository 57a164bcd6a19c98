"""A web page as Markdown: its main part with headings, without scripts, menus, and whatever people do not see."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urldefrag, urljoin

import lxml.html
import trafilatura

from ._reader import Unreadable

MAX_LINKS = 2_000
_NOT_TEXT = ("script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "canvas", "head", "dialog")
_UNSEEN_STYLE = re.compile(
    r"(?<![\w-])(display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|opacity\s*:\s*0*(\.0+)?\s*(;|!|$)"
    r"|(left|top|right|text-indent)\s*:\s*-\d{3,}|clip(-path)?\s*:\s*(rect\(0|inset\((50|100)%))",
    re.IGNORECASE,
)
_TINY = re.compile(r"(?<![\w-])(height|width)\s*:\s*[01](px)?\s*(;|!|$)", re.IGNORECASE)
_NO_OVERFLOW = re.compile(r"(?<![\w-])overflow\s*:\s*hidden", re.IGNORECASE)
_NO_SIZE = re.compile(r"(?<![\w-])font-size\s*:\s*0(\.0+)?(px|r?em|pt|%)?\s*(;|!|$)", re.IGNORECASE)
_UNSEEN_CLASS = {"sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text", "hidden", "d-none", "invisible"}
_SEEN_SOMEWHERE = re.compile(r"\w+:(block|flex|grid|inline\S*|table\S*|visible|not-sr-only)|d-(sm|md|lg|xl|xxl)-\w+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_page(raw: bytes, url: str, charset: str) -> dict[str, Any]:
    """Return title, body, language, date, links, canonical address and what the page asks of robots. Raises :class:`Unreadable`."""
    tree = _parsed(raw, charset)
    base = urljoin(url, str(next(iter(tree.xpath("//base/@href")), "")))
    wishes = _wishes(tree)
    found: dict[str, Any] = {
        "title": _title(tree),
        "language": str(tree.get("lang") or tree.get("xml:lang") or "").strip().replace("_", "-"),
        "updated": _updated(tree),
        "canonical": _canonical(tree, base),
        "links": [] if "nofollow" in wishes else _links(tree, base),
        "noindex": "noindex" in wishes,
    }
    _remove_unseen(tree)
    return {**found, "body": _markdown(tree, base)}


def _parsed(raw: bytes, charset: str) -> Any:
    if b"\x00" in raw[:2_000] and not charset.lower().startswith("utf-16"):
        raise Unreadable("it is not a page of text")
    if not charset:
        try:
            raw.decode("utf-8")
            charset = "utf-8"
        except UnicodeDecodeError:
            charset = ""  # what the page says of itself
    try:
        parser = lxml.html.HTMLParser(encoding=charset or None, remove_comments=True, remove_pis=True, huge_tree=False)
    except LookupError:
        parser = lxml.html.HTMLParser(remove_comments=True, remove_pis=True)
    try:
        return lxml.html.document_fromstring(raw, parser=parser)
    except (lxml.etree.LxmlError, ValueError):
        raise Unreadable("it has no text") from None


def _title(tree: Any) -> str:
    for path in ("//h1", "//meta[@property='og:title']/@content", "//title"):
        for one in tree.xpath(path):
            text = " ".join((one if isinstance(one, str) else one.text_content()).split())
            if text and path == "//title":
                return re.split(r"\s+[|·–—»-]\s+", text)[0][:300]
            if text and len(text) <= 300:
                return text
    return ""


def _updated(tree: Any) -> str:
    for path in (
        "//meta[@property='article:modified_time' or @property='og:updated_time' or @itemprop='dateModified']/@content",
        "//time[@itemprop='dateModified']/@datetime",
    ):
        for one in tree.xpath(path):
            if match := _DATE.match(str(one).strip()):
                return match[0]
    return ""


def _canonical(tree: Any, base: str) -> str:
    told = next(
        iter(
            tree.xpath("//link[contains(concat(' ', translate(@rel, 'CANOIL', 'canoil'), ' '), ' canonical ')]/@href")
        ),
        "",
    )
    return _address(base, str(told)) if told else ""


def _wishes(tree: Any) -> set[str]:
    told = " ".join(
        tree.xpath("//meta[translate(@name, 'ROBTSDEKHAN', 'robtsdekhan')='robots' or @name='deskhand']/@content")
    )
    words = {word.strip().lower() for word in re.split(r"[,\s]+", told)}
    return words | {"noindex", "nofollow"} if "none" in words else words


def _links(tree: Any, base: str) -> list[str]:
    found: dict[str, None] = {}
    for one in tree.xpath("//a[@href] | //area[@href]"):
        if "nofollow" in str(one.get("rel", "")).lower().split():
            continue
        address = _address(base, one.get("href"))
        if address:
            found[address] = None
        if len(found) >= MAX_LINKS:
            break
    return list(found)


def _address(base: str, told: str) -> str:
    try:
        address = urldefrag(urljoin(base, told.strip()))[0]
    except ValueError:
        return ""
    return address if address.startswith(("https://", "http://")) and len(address) <= 2_000 else ""


def _remove_unseen(tree: Any) -> None:
    for one in tree.xpath("//a[@href]"):
        if re.match(r"\s*(?!https?:|mailto:|tel:)[a-z][\w+.-]*:", one.get("href"), re.IGNORECASE):
            one.attrib.pop("href")
    openable = _openable(tree)
    for one in tree.xpath("//*"):
        if not isinstance(one.tag, str) or one.getparent() is None or one.tag == "body":
            continue
        if one.tag in _NOT_TEXT or (_is_unseen(one) and one.get("id") not in openable):
            one.drop_tree()


def _openable(tree: Any) -> set[str]:
    """What is closed and has a button that opens it, such as the answers of a list of questions: people do see it."""
    told = [word for one in tree.xpath("//@aria-controls") for word in str(one).split()]
    return {
        *told,
        *(str(one)[1:] for one in tree.xpath("//@data-bs-target | //@data-target") if str(one).startswith("#")),
    }


def _is_unseen(one: Any) -> bool:
    style, classes = one.get("style", ""), str(one.get("class", "")).lower()
    return (
        one.get("hidden") is not None
        or str(one.get("aria-hidden", "")).strip().lower() == "true"
        or bool(_UNSEEN_STYLE.search(style))
        or bool(_TINY.search(style) and _NO_OVERFLOW.search(style))
        or bool(_NO_SIZE.search(style) and not one.xpath(".//*[contains(@style, 'font-size')]"))
        or bool(_UNSEEN_CLASS & set(classes.split()) and not _SEEN_SOMEWHERE.search(classes))
    )


def _markdown(tree: Any, base: str) -> str:
    whole = " ".join(tree.text_content().split())
    if not whole:
        raise Unreadable("it has no text")
    plain = _blocks(tree)
    text = trafilatura.extract(
        tree, url=base, output_format="markdown", include_links=True, include_tables=True, include_formatting=True, include_comments=False,
        include_images=False, favor_recall=True,
    )  # fmt: skip
    # It looks for an article; a short page or one that is all lists it takes for a menu.
    return text if text and len(text) * 4 >= min(len(whole), 400) else plain


def _blocks(tree: Any) -> str:
    """The page's text block by block, when no main part was found. Before anything else changes the tree."""
    lines = []
    for one in tree.iter("h1", "h2", "h3", "h4", "p", "li", "td", "th", "dt", "dd", "pre", "blockquote", "div"):
        if one.tag == "div" and len(one):
            continue
        if any(above.tag in {"nav", "footer", "p", "li", "td", "pre", "blockquote"} for above in one.iterancestors()):
            continue
        text = " ".join(one.text_content().split())
        if text:
            mark = (
                "#" * int(one.tag[1]) + " " if one.tag in {"h1", "h2", "h3", "h4"} else "- " if one.tag == "li" else ""
            )
            lines.append(mark + text)
    return "\n\n".join(lines) or " ".join(tree.text_content().split())
