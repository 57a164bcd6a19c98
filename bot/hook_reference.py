"""Write the reference page that comes from the code: ``docs/hooks.md``, all hooks and all names a plugin may import.

``python -m bot.hook_reference`` writes it; a test says when that was forgotten.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

import bot
from bot import hookspecs
from bot.hookspecs import RULES

LONG = 300
"""Characters of a constant that are shown."""
WIDTH = 120
"""Of a line of code on the page."""
PAGE = Path(__file__).resolve().parent.parent / "docs" / "hooks.md"
HEAD = """# Hooks and names

Made from the code by `python -m bot.hook_reference`; do not edit. How to write a plugin: [write-a-plugin.md](write-a-plugin.md).

A hook takes only the arguments it names. `settings` is always the calling plugin's own. How it is called: *static*: asked once,
when the plugin is loaded. *each*: all plugins are asked, results kept apart. *first*: the first result that is not `None` counts.
*pipe*: each plugin gets what the one before returned; `None` means unchanged. A hook that raises, exits, returns the wrong type or
is not done by its deadline is skipped and counted; three times in a row switch the plugin off.

| hook | how | where | deadline |
|---|---|---|--:|
"""


def page() -> str:
    """The whole page."""
    rows = []
    for name, rule in RULES.items():
        where = "every process" if "*" in rule.where else ", ".join(sorted(rule.where))
        rows.append(f"| [`{name}`](#{name}) | {rule.manner} | {where} | {rule.deadline:g} s |")
    hooks = [
        f"## {name}\n\n```python\n{_signature(name)}\n```\n\n{_summary(getattr(hookspecs, name))}" for name in RULES
    ]
    names = [f"| `{name}` | {_what(name)} |" for name in bot.__all__]
    head = "## Names\n\nEverything that `from bot import …` offers.\n\n| name | what it is |\n|---|---|"
    return HEAD + "\n".join(rows) + "\n\n" + "\n\n".join([*hooks, "\n".join([head, *names])]) + "\n"


def _signature(name: str) -> str:
    signature = inspect.signature(getattr(hookspecs, name))
    arguments = ", ".join(f"{parameter.name}: {parameter.annotation}" for parameter in signature.parameters.values())
    end = f"-> {signature.return_annotation}: ..."
    line = f"def {name}({arguments}) {end}"
    if len(line) > WIDTH:
        line = f"def {name}(\n    {arguments}\n) {end}"
    return f"@hookimpl\n{line}"


def _summary(thing: object) -> str:
    """The first paragraph of a docstring."""
    text = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    return text.replace("``", "`").replace(":class:", "").replace(":func:", "").replace("|", "\\|")


def _what(name: str) -> str:
    value: Any = getattr(bot, name)
    if name == "hookimpl":
        return "Marks a function as a hook: `@hookimpl`, or `@hookimpl(tryfirst=True)`, `@hookimpl(trylast=True)`."
    if isinstance(value, int):
        return f"The number {value:,}."
    if isinstance(value, (dict, frozenset, tuple)) and len(value) > 0 and len(str(value)) > LONG:
        # Its text would fill the page, and that of a set is another one in each process.
        kind = "set" if isinstance(value, frozenset) else type(value).__name__
        return f"A {kind} of {len(value)}" + (
            "." if kind == "set" else f": {', '.join(f'`{one}`' for one in list(value)[:8])}."
        )
    if not inspect.isclass(value):
        wrapped = inspect.unwrap(value) if callable(value) else value
        typed = str(value).replace("typing.", "").replace("bot.", "").replace("|", "\\|")
        return _summary(wrapped) if inspect.isfunction(wrapped) else f"`{typed}`"
    if issubclass(value, Enum) and value.__doc__ == StrEnum.__doc__:
        return f"One of {', '.join(f'`{member.name}`' for member in value)}."
    if is_dataclass(value) and (value.__doc__ or "").startswith(f"{value.__name__}("):
        return f"Fields: {', '.join(f'`{one.name}`' for one in fields(value))}."
    return _summary(value)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write("docs/hooks.md is up to date.\n")


if __name__ == "__main__":
    main()
