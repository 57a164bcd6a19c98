"""What the chat costs on the wire, and the habits that the serving of its modules relies on."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from web_widget.lean import lean

STATIC = Path(__file__).resolve().parents[2] / "web_widget" / "static"
LOADER = 3_000
PANEL = 18 * 1024
LATER = 6 * 1024
"""Bytes, gzipped as served. ``PANEL`` counts everything that the panel imports at once: styles and English words too."""

_IMPORT = re.compile(r"^(?:import|export)\b[^;]*?from '(\./[^']+)';", re.MULTILINE)
_LATER = re.compile(r"import\('(\./[^']+\.js)'\)")
MODULES = sorted(path for path in STATIC.rglob("*.js"))


def served(path: Path) -> int:
    return len(gzip.compress(lean(path.read_text("utf-8")).encode(), 9))


def graph(first: Path) -> set[Path]:
    """All modules that come with this one."""
    found, waiting = set(), [first]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [(path.parent / name).resolve() for name in _IMPORT.findall(path.read_text("utf-8"))]
    return found


def test_the_loader_is_small() -> None:
    assert served(STATIC / "loader.js") <= LOADER


def test_the_panel_with_styles_and_words_is_small() -> None:
    sizes = {path.name: served(path) for path in graph(STATIC / "panel.js")}
    assert {"style.js", "en.js", "markdown.js", "connection.js"} <= set(sizes)
    assert sum(sizes.values()) <= PANEL, sizes


def test_what_comes_later_is_small_too() -> None:
    panel = graph(STATIC / "panel.js")
    known, waiting, later = set(panel), list(panel), set()
    while waiting:
        path = waiting.pop()
        for first in {(path.parent / name).resolve() for name in _LATER.findall(path.read_text("utf-8"))} - later:
            later.add(first)
            waiting += graph(first) - known
            known |= graph(first)
    assert {"rest.js", "menu.js", "conversations.js", "handoff.js", "phone.js", "attach.js", "rating.js"} <= {
        path.name for path in later
    }
    for path in later:
        assert sum(served(part) for part in graph(path) - panel) <= LATER, path.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_lean_keeps_every_string_and_drops_every_comment(path: Path) -> None:
    source, result = path.read_text("utf-8"), lean(path.read_text("utf-8"))
    strings = re.findall(r"'(?:\\.|[^'\\\n])*'", re.sub(r"^\s*//.*$|/\*\*(.|\n)*?\*/", "", source, flags=re.MULTILINE))
    for text in strings:
        if "//" not in text and "/*" not in text and "import(" not in text:
            assert text in result or "@" in text or "`" in text, text
    assert "/**" not in result and "@param" not in result and "@ts-check" not in result
    assert not re.search(r"(^|\s)// ", result), "a comment was left"
    assert lean(result) == result


def test_lean_knows_strings_templates_and_regular_expressions() -> None:
    source = """// gone
const a = 'x // stays'; // gone
const b = `y /* stays */  ${ a }`;
const c = a.replace(/[/*"'`]{2} \\//g, "z  //"); /** @type {any} */ (c).d = 4 / 2 / 1;
"""
    assert lean(source) == (
        "const a='x // stays';const b=`y /* stays */  ${ a }`;const c=a.replace(/[/*\"'`]{2} \\//g,\"z  //\");(c).d=4 / 2 / 1;\n"
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_no_module_makes_markup_from_text_or_leaves_its_origin(path: Path) -> None:
    source = path.read_text("utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "cookie =",
        "cssText",
        "setAttribute('style'",
    ):
        assert word not in source, word
    assert not re.search(r"""['"`]https?://(?!www\.w3\.org/2000/svg)""", source.replace("https://shop.example", ""))


def test_every_language_has_every_word() -> None:
    def words(path: Path) -> set[str]:
        return set(re.findall(r"^  (\w+):", path.read_text("utf-8"), re.MULTILINE))

    english = set[str]().union(*(words(path) for path in STATIC.glob("strings/en*.js")))
    for path in STATIC.glob("strings/*.js"):
        if not path.name.startswith("en"):
            assert words(path) == english, path.name
            assert served(path) <= 3 * 1024


def test_every_word_is_used() -> None:
    code = "".join(path.read_text("utf-8") for path in MODULES if path.parent.name != "strings")
    words = re.findall(r"^  (\w+):", (STATIC / "strings/en.js").read_text("utf-8"), re.MULTILINE)
    assert [word for word in words if f"'{word}'" not in code and not word.startswith("state")] == []
