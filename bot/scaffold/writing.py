"""Fill templates in and write them into a new folder. Nothing that exists is touched."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40


class ScaffoldError(Exception):
    """Why nothing was written: a sentence for people."""


def name_problem(name: str, taken: frozenset[str] = frozenset()) -> str:
    """Empty, or why a plugin cannot be called so."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        return (
            f"{name!r} cannot be a plugin's name: small letters and digits, with single hyphens between, "
            f"beginning with a letter, at most {LONGEST}. Nothing was written."
        )
    if name in taken:
        return f"There is a plugin called {name} already; the first one would win. Choose another name. Nothing was written."
    return ""


def words_for(name: str) -> dict[str, str]:
    """What stands for the marks of the templates."""
    parts = name.split("-")
    return {
        "@name@": name,
        "@module@": "deskhand_" + "_".join(parts),
        "@Class@": "".join(part.capitalize() for part in parts),
        "@Title@": " ".join(part.capitalize() for part in parts),
        "@ENV@": "_".join(parts).upper(),
    }


CHANNEL = {
    "pyproject.toml.tmpl": "pyproject.toml",
    "README.md.tmpl": "README.md",
    "channel.py.tmpl": "@module@.py",
    "platform.py.tmpl": "tests/@module@_platform.py",
    "test_channel.py.tmpl": "tests/test_@module@.py",
}


def write_channel(name: str, folder: Path) -> list[Path]:
    """Write the package into ``folder``, which must not exist or be empty; returns the files. Raises :class:`ScaffoldError`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ScaffoldError(
            f"{folder} is there already and is not empty. Nothing was written; choose another place with --into."
        )
    words = words_for(name)
    templates = files("bot.scaffold") / "templates" / "channel"
    written = []
    for template, target in CHANNEL.items():
        path = folder / _filled(target, words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled((templates / template).read_text("utf-8"), words), "utf-8")
        written.append(path)
    return written


def _filled(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
