"""The Markdown of customers, models and articles: what it becomes, and that it never becomes anything active."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.running import Deskhand

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](\u0001javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.com/1)",
    "[x](//example.com)",
    "[x](/relative)",
    "![x](https://example.com/pixel.png)",
    '![x](x" onerror="alert(1))',
    '[x](https://example.com"onmouseover=alert(1))',
    "[<img src=x onerror=alert(1)>](https://example.com)",
    "`<img src=x onerror=alert(1)>`",
    "```html\n<script>alert(1)</script>\n```",
    "```\n<script>alert(1)</script>",
    "**<b onclick=alert(1)>x</b>**",
    "# <img src=x onerror=alert(1)>",
    "> <script>alert(1)</script>",
    "- <img src=x onerror=alert(1)>\n- [y](javascript:alert(1))",
    "1. <style>*{display:none}</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#106;avascript:alert(1)",
    "[a](https://example.com) [b](javascript:alert(1)) [c](https://example.com)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<https://example.com/><img src=x onerror=alert(1)>",
    "<!--<img src=x onerror=alert(1)>-->",
    "<math><mtext></p><img src=x onerror=alert(1)>",
    "<template><img src=x onerror=alert(1)></template>",
    "\u202ereversed\u202c and \u2066hidden\u2069",
    "${alert(1)} {{constructor.constructor('alert(1)')()}}",
    "\x00<\x00script>alert(1)</script>",
]
ALLOWED = {"P", "STRONG", "EM", "CODE", "PRE", "UL", "OL", "LI", "A", "BR", "BLOCKQUOTE", "BUTTON"}


@pytest.fixture(scope="module")
def page(browser: Browser, product: Deskhand) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(product.base_url)
    page.evaluate(
        """async () => { const { render, settled } = await import('/w/markdown.js'); window.settled = settled;
        window.alerted = 0; window.alert = () => { alerted++ };
        window.show = (text) => { const box = document.createElement('div'); document.body.append(box);
          box.append(render(text, (n) => n < 3 ? Object.assign(document.createElement('button'), { textContent: n }) : null));
          const all = [...box.querySelectorAll('*')];
          return { html: box.innerHTML, text: box.innerText, tags: all.map((one) => one.tagName),
            names: all.flatMap((one) => one.getAttributeNames()), links: [...box.querySelectorAll('a')].map((one) => one.href) } } }"""
    )
    yield page
    context.close()


def show(page: Page, text: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("(text) => show(text)", text)
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(page: Page, text: str) -> None:
    found = show(page, text)
    assert set(found["tags"]) <= ALLOWED
    assert not [name for name in found["names"] if name.startswith("on") or name in {"style", "src", "srcdoc"}]
    assert all(link.startswith(("https://", "http://", "mailto:")) for link in found["links"])
    page.wait_for_timeout(20)
    assert page.evaluate("alerted") == 0


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo", "<p>one<br>two</p>"),
        ("one\n\ntwo", "<p>one</p><p>two</p>"),
        ("**b** *i* `c`", "<p><strong>b</strong> <em>i</em> <code>c</code></p>"),
        ("**b *i* b**", "<p><strong>b <em>i</em> b</strong></p>"),
        ("2 * 3 * 4 and a*b", "<p>2 * 3 * 4 and a*b</p>"),
        ("- a\n- b\n  more", "<ul><li>a</li><li>b more</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("3. c", '<ol start="3"><li>c</li></ol>'),
        ("text\n- a", "<p>text</p><ul><li>a</li></ul>"),
        ("## Title", "<p><strong>Title</strong></p>"),
        ("> quoted", "<blockquote>quoted</blockquote>"),
        ("yes [1], no [9]", "<p>yes <button>1</button>, no [9]</p>"),
        ("[site](https://example.com/a)", '<p><a href="https://example.com/a" target="_blank" rel="noopener noreferrer nofollow">site</a></p>'),
        ("**open", "<p>**open</p>"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_small_markdown_becomes_what_it_should(page: Page, text: str, html: str) -> None:
    assert show(page, text)["html"] == html


def test_a_fence_keeps_its_lines(page: Page) -> None:
    assert "<code>a  b\n&lt;c&gt;</code>" in show(page, "```sh\na  b\n<c>\n```\nafter")["html"]


def test_text_that_reverses_the_reading_order_is_taken_out(page: Page) -> None:
    assert show(page, "a\u202eb\u2066c")["text"].strip() == "abc"


def test_hostile_lengths_cost_no_time(page: Page) -> None:
    for text in (
        "*" * 50_000,
        "[" * 50_000,
        "**a" * 20_000,
        "`" * 50_000,
        "[a](" * 20_000,
        "> " * 20_000,
        "- " * 20_000,
    ):
        spent = page.evaluate(
            "(text) => { const begin = performance.now(); show(text); return performance.now() - begin }", text
        )
        assert spent < 1500, (text[:10], spent)


def test_finished_blocks_of_a_growing_text_are_found(page: Page) -> None:
    text = "one\n\n```\ncode\n\nmore\n```\nthe open end"
    ends = [page.evaluate("([text, n]) => settled(text.slice(0, n), 0)", [text, n]) for n in range(len(text) + 1)]
    assert sorted(set(ends)) == [0, 5, text.index("the open end")]
    assert ends == sorted(ends), "a block that is finished stays finished"
