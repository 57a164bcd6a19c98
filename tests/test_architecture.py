"""The import rules of the house, read from the source with ``ast``. They hold for our own plugins as for a stranger's."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bot
from bot.discovery import discover
from bot.hookspecs import RULES
from tests.patience import patient

ROOT = Path(__file__).resolve().parent.parent
HOUSES = ("bot", "channels", "plugins", "web_widget", "workers")
CONTRACTS = {
    "messages",
    "events",
    "channel",
    "desk",
    "desk_actions",
    "pages",
    "ai",
    "knowledge",
    "hookspecs",
    "settings",
}
SDKS = {"openai", "anthropic", "litellm", "slack_bolt", "slack_sdk", "telegram", "discord", "mistralai", "google"}
HEAVY = SDKS | {"rq", "psycopg", "aiohttp", "httpx2"}
WITHOUT_IO = {
    "__future__", "abc", "collections", "dataclasses", "enum", "functools", "hashlib", "itertools", "math", "re", "typing",
    "pydantic", "pluggy",
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One import: the whole module, and the name taken from it (empty for ``import x``)."""

    module: str
    name: str
    line: int
    lazy: bool
    typing_only: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports(source: str, module: str, *, package: bool) -> list[Import]:
    """All imports of a module, relative ones resolved; lazy: inside a function."""
    found: list[Import] = []

    def visit(node: ast.AST, lazy: bool, typing_only: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, "", node.lineno, lazy, typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".") if package else module.split(".")[:-1]
            base = base[: len(base) - node.level + 1] if node.level else []
            target = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            found.extend(Import(target, alias.name, node.lineno, lazy, typing_only) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, lazy, True)
            for child in node.orelse:
                visit(child, lazy, typing_only)
        else:
            inside = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for child in ast.iter_child_nodes(node):
                visit(child, inside, typing_only)

    visit(ast.parse(source), False, False)
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for house in HOUSES:
        for path in sorted((ROOT / house).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())
IMPORTS = {
    name: imports(path.read_text("utf-8"), name, package=path.name == "__init__.py") for name, path in MODULES.items()
}


def breaks_a_rule(module: str, one: Import) -> str:
    """Empty, or which rule an import breaks."""
    house = module.partition(".")[0]
    if house == "bot":
        if one.top in set(HOUSES) - {"bot"} | SDKS:
            return "1: bot imports neither the other four nor an SDK"
        own = module.removeprefix("bot.").partition(".")[0]
        if own in CONTRACTS and not one.typing_only:
            allowed = one.top in WITHOUT_IO or (one.top == "bot" and one.module.removeprefix("bot.") in CONTRACTS)
            return "" if allowed else "4: a contract does no I/O and knows only contracts"
        return ""
    if house == "workers":
        return "" if one.top not in set(HOUSES) - {"bot", "workers"} | SDKS else "3: workers imports bot only"
    if one.top == "bot":
        if one.module != "bot":
            return "2: from us only what bot exports (from bot import X)"
        return "" if one.name in bot.__all__ or one.name == "__version__" else f"2: bot does not export {one.name}"
    if one.top in HOUSES:
        mine, theirs = module.split("."), [*one.module.split("."), one.name]
        if one.top != house:
            return "2: channels, plugins and web_widget never import each other"
        if house != "web_widget" and len(mine) > 1 and len(theirs) > 1 and mine[1] != theirs[1]:
            return "2: one plugin never imports another"
    return ""


def test_every_import_keeps_the_rules_of_the_house() -> None:
    broken = [
        f"{MODULES[module].relative_to(ROOT)}:{one.line}: {rule}"
        for module, found in IMPORTS.items()
        for one in found
        if (rule := breaks_a_rule(module, one))
    ]
    assert broken == []


@pytest.mark.parametrize(
    ("module", "source", "rule"),
    [
        ("bot.turns", "from plugins.knowledge import index", "1"),
        ("bot.turns", "def f():\n    import openai", "1"),
        ("bot.ai", "import os", "4"),
        ("bot.events", "from bot.store import Message", "4"),
        ("plugins.rating", "from bot.store import Message", "2"),
        ("plugins.rating", "from bot import no_such_name", "2"),
        ("plugins.rating", "import bot.store", "2"),
        ("plugins.rating", "from web_widget import hub", "2"),
        ("plugins.rating", "from plugins.knowledge import index", "2"),
        ("plugins.rating", "from .knowledge import index", "2"),
        ("plugins.rating", "from . import knowledge", "2"),
        ("channels.telegram", "from channels.discord import x", "2"),
        ("workers.jobs", "from plugins import knowledge", "3"),
    ],
)
def test_a_broken_rule_would_be_noticed(module: str, source: str, rule: str) -> None:
    (one,) = imports(source, module, package=False)
    assert breaks_a_rule(module, one).startswith(rule)


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    """In a function, or in a module that is itself imported only in functions."""
    heavy = {
        module
        for module, found in IMPORTS.items()
        if any(one.top in HEAVY and not one.lazy and not one.typing_only for one in found)
    }
    assert heavy == {
        module for module in heavy if module.rpartition(".")[2].startswith("_") or module.startswith("workers.")
    }
    early = [
        f"{MODULES[module].relative_to(ROOT)}:{one.line} imports {_home(one)}, which imports a heavy library"
        for module, found in IMPORTS.items()
        if module not in heavy
        for one in found
        if _home(one) in heavy and not one.lazy and not one.typing_only
    ]
    assert early == []


def test_loading_every_plugin_loads_no_heavy_library() -> None:
    heavy = HEAVY - {"psycopg"}  # peewee imports it by itself wherever it is installed
    script = f"import sys\nfrom bot.discovery import discover\ndiscover()\nprint(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=patient(60), check=True
    )
    assert done.stdout == "[]\n"


def test_imports_go_round_in_no_circle() -> None:
    graph = {
        module: {target for one in found if not one.typing_only and (target := _home(one)) not in {"", module}}
        for module, found in ((module, [one for one in found if not one.lazy]) for module, found in IMPORTS.items())
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"an import cycle: {' → '.join(error.args[1])}")


def _home(one: Import) -> str:
    """The module of ours that an import loads."""
    whole = f"{one.module}.{one.name}" if one.name else one.module
    if whole in MODULES:
        return whole
    return one.module if one.module in MODULES else ""


def compared_channel_names(source: str) -> list[int]:
    """Lines that compare a channel with a name written down. Comparing with nothing is allowed."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_is_channel(side) for side in sides) and any(_is_name(side) for side in sides):
                lines.append(node.lineno)
    return lines


def _is_channel(node: ast.expr) -> bool:
    words = ast.unparse(node)
    return words.rpartition(".")[2] in {"channel", "channel_name"} or words.endswith("channel.name")


def _is_name(node: ast.expr) -> bool:
    if isinstance(node, (ast.Set, ast.Tuple, ast.List)):
        return any(_is_name(item) for item in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


def test_nobody_compares_the_name_of_a_channel() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES.values()
        for line in compared_channel_names(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ['if event.channel == "telegram": pass', 'x = channel in {"web", "slack"}', 'y = "email" != out.channel.name'],
)
def test_a_compared_channel_name_would_be_noticed(source: str) -> None:
    assert compared_channel_names(source) == [1]
    assert compared_channel_names('if event.channel == "" or channel == other.name: pass') == []


def test_every_hook_has_a_plugin_of_ours_that_uses_it() -> None:
    used = {hook for plugin in discover().plugins for hook in plugin.hooks}
    assert set(RULES) - used == set()


def test_no_file_has_a_name_that_says_nothing_or_grew_too_long() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "core", "manager", "service", "misc", "base"}
    found = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES.values()}
    assert [name for name in found if Path(name).stem in vague] == []
    assert {name: lines for name, lines in found.items() if lines > 400 and "migrations" not in name} == {}
