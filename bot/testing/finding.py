"""Where a plugin's promises are written down: the test modules with a conformance class that names it."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

GROUP = "deskhand.conformance"
"""Entry points with a plugin's name: a module with its conformance classes that comes with the package."""


def test_modules(plugin: str, places: list[Path]) -> list[Path]:
    """Files in these places (files or folders) whose conformance classes say ``plugin = "…"``, and the module that the plugin's
    package brings for it."""
    found: dict[Path, None] = {}
    for entry in importlib.metadata.entry_points(group=GROUP, name=plugin):
        spec = importlib.util.find_spec(entry.module)
        if spec is not None and spec.origin:
            found[Path(spec.origin).resolve()] = None
    for place in places:
        for path in _python_files(place):
            if path.resolve() not in found and names_it(path, plugin):
                found[path.resolve()] = None
    return list(found)


test_modules.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name


def _python_files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from sorted(place.rglob("*.py"))


def names_it(path: Path, plugin: str) -> bool:
    """Whether a file has a class made from a conformance class with this plugin's name. Reads it and runs nothing."""
    try:
        text = path.read_text("utf-8")
        if "Conformance" not in text or plugin not in text:
            return False
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError):
        return False
    return any(
        isinstance(node, ast.ClassDef)
        and any("Conformance" in ast.unparse(base) for base in node.bases)
        and any(_says(statement, plugin) for statement in node.body)
        for node in ast.walk(tree)
    )


def _says(statement: ast.stmt, plugin: str) -> bool:
    if isinstance(statement, ast.Assign):
        names, value = [ast.unparse(target) for target in statement.targets], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        names, value = [ast.unparse(statement.target)], statement.value
    else:
        return False
    return "plugin" in names and isinstance(value, ast.Constant) and value.value == plugin


def places_near(source: Path | None, here: Path) -> list[Path]:
    """Folders to look into: ``tests`` here, and beside the plugin's source, where that is a project and not an installation."""
    places = [here / "tests"]
    if source is not None and not {"site-packages", "dist-packages"} & set(source.parts):
        for folder in list(source.parents)[:3]:
            places.append(folder / "tests")
            if (folder / "pyproject.toml").is_file():
                break
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def project_of(path: Path) -> Path:
    """The folder whose pytest settings count for a test file."""
    return next((folder for folder in path.parents if (folder / "pyproject.toml").is_file()), path.parent)
