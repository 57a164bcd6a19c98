"""Find plugins and check them: in our own packages, in installed packages, and in a folder of the operator's.

Whatever does not import, exits while it is imported, misspells a hook or asks for arguments that do not exist is named with
the reason and left out; everything else goes on. The result is the same in every process: being on is a row, not a file.

Not containable: a module that calls ``os._exit`` or crashes the interpreter while it is imported takes the process with
it. Its name is in the breadcrumbs that the supervisor reads (``bot.breadcrumbs``).
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from bot import hookspecs
from bot.config import ConfigError
from bot.hookspecs import PROJECT, RULES, PluginInfo
from bot.settings import Settings

ROOTS = ("plugins", "channels", "web_widget")
GROUP = "deskhand.plugins"
FOLDER_PACKAGE = "deskhand_plugins_dir"
BUILT_IN = "built-in"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")

Attempt = Callable[[str, str, Callable[[], Any], bool], tuple[Any, str]]
"""``attempt(plugin, what, fn, third_party)`` calls ``fn`` and returns its result and an empty string, or ``None`` and what
went wrong."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One function of one plugin."""

    function: Callable[..., Any]
    arguments: tuple[str, ...]
    by_position: bool = True
    """Whether the arguments are exactly the first parameters, in their order."""
    rank: int = 1
    """0 for ``tryfirst``, 2 for ``trylast``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin that was found and fits. ``origin`` says where from: ``built-in``, ``package NAME VERSION`` or ``folder``."""

    name: str
    origin: str
    place: str
    info: PluginInfo = field(default_factory=PluginInfo)
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    schema: type[Settings] = Settings

    @property
    def third_party(self) -> bool:
        return self.origin != BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Something that wanted to be a plugin, and why it is not one. ``reason`` is a sentence for people."""

    name: str
    origin: str
    place: str
    reason: str
    required: bool = False
    """It says ``PluginInfo(required=True)``: what would go through it must not go on without it."""


@dataclass(frozen=True, slots=True)
class Discovery:
    plugins: tuple[Plugin, ...]
    broken: tuple[Broken, ...]


class Misfit(Exception):
    """Why a module cannot be a plugin."""


def discover(folder: Path | None = None, attempt: Attempt | None = None) -> Discovery:
    """Look everywhere. ``folder`` is ``DESKHAND_PLUGINS_DIR``. Raises :class:`ConfigError` when it is not a folder."""
    return _Search(attempt or _attempt).run(folder)


def load_built_in() -> None:
    """Import our own plugins and nobody else's, so that processes forked from this one find them loaded."""
    _Search(_attempt).built_in()


def look_at(name: str, module: ModuleType) -> Plugin | Broken:
    """Check one module as the plugin ``name``, without looking anywhere else."""
    search = _Search(_attempt)
    if has_hooks(module):
        search._add(name, "package", module.__name__, module)
    else:
        search._name_broken(name, "package", module.__name__, "It has no function marked @hookimpl.")
    return search.plugins.get(name) or search.broken[0]


def _attempt(plugin: str, what: str, fn: Callable[[], Any], third_party: bool) -> tuple[Any, str]:
    try:
        return fn(), ""
    except BaseException as error:  # a plugin that calls sys.exit() must not end us
        return None, explain(error)


def explain(error: BaseException) -> str:
    """One line about an exception, with the place where it was raised."""
    text = str(error).strip().splitlines()
    words = f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None:
        words += f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"
    return words


class _Search:
    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.plugins: dict[str, Plugin] = {}
        self.broken: list[Broken] = []

    def built_in(self) -> None:
        for root in ROOTS:
            if importlib.util.find_spec(root) is not None:
                self._walk(root, BUILT_IN)

    def run(self, folder: Path | None) -> Discovery:
        self.built_in()
        entries = importlib.metadata.entry_points(group=GROUP)
        for entry in sorted(entries, key=lambda entry: (entry.dist.name if entry.dist else "", entry.name)):
            self._entry_point(entry)
        if folder is not None:
            self._walk(_folder_package(folder), "folder")
        return Discovery(tuple(self.plugins.values()), tuple(self.broken))

    def _walk(self, dotted: str, origin: str) -> None:
        """A package with hooks in its ``__init__`` is one plugin; one without is a folder, and its modules are looked at."""
        name = dotted.rpartition(".")[2]
        if origin == BUILT_IN and not _may_hold_hooks(dotted):
            return  # importing it here would only cost every process its time
        module, problem = self.attempt(name, "import", lambda: importlib.import_module(dotted), origin != BUILT_IN)
        if problem:
            self._name_broken(name, origin, dotted, f"It does not import: {problem}.")
        elif has_hooks(module):
            self._add(name, origin, dotted, module)
        else:
            for child in sorted(_children(module)):
                self._walk(f"{dotted}.{child}", origin)

    def _entry_point(self, entry: importlib.metadata.EntryPoint) -> None:
        origin = f"package {entry.dist.name} {entry.dist.version}" if entry.dist else "package"
        module, problem = self.attempt(entry.name, "import", entry.load, True)
        if problem:
            self._name_broken(entry.name, origin, entry.value, f"It does not import: {problem}.")
        elif not has_hooks(module):
            self._name_broken(
                entry.name,
                origin,
                entry.value,
                f"Its entry point {entry.value} names nothing with a function marked @hookimpl.",
            )
        else:
            self._add(entry.name, origin, entry.value, module)

    def _add(self, name: str, origin: str, place: str, module: Any) -> None:
        try:
            if not _NAME.fullmatch(name):
                raise Misfit(f"{name!r} cannot be a plugin's name: small letters, digits, _ and - only.")
            if name in self.plugins:
                raise Misfit(
                    f"Another plugin is called {name}, too ({self.plugins[name].place}); that one is used. Rename this one."
                )
            self.plugins[name] = self._check(name, origin, place, module)
        except Misfit as misfit:
            self._name_broken(name, origin, place, str(misfit))

    def _check(self, name: str, origin: str, place: str, module: Any) -> Plugin:
        hooks = read_hooks(module)
        info = getattr(module, "PLUGIN", PluginInfo())
        if not isinstance(info, PluginInfo):
            raise Misfit(f"Its PLUGIN is {_a(info)}; it must be a PluginInfo.")
        schema: Any = Settings
        if "settings_schema" in hooks:
            function = hooks["settings_schema"].function
            schema, problem = self.attempt(name, "settings_schema", function, origin != BUILT_IN)
            if problem:
                raise Misfit(f"Its settings_schema fails: {problem}.")
            if not (isinstance(schema, type) and issubclass(schema, Settings)):
                raise Misfit(f"Its settings_schema returned {_a(schema)}; it must return a class made from Settings.")
        return Plugin(name=name, origin=origin, place=place, info=info, hooks=hooks, schema=schema)

    def _name_broken(self, name: str, origin: str, place: str, reason: str) -> None:
        required = _says_required(place.partition(":")[0])
        self.broken.append(Broken(name=name, origin=origin, place=place, reason=reason, required=required))


_REQUIRED = re.compile(r"PluginInfo\([^)]*\brequired\s*=\s*True")


def _says_required(dotted: str) -> bool:
    """Whether the source of a module says so: one that does not import cannot be asked."""
    try:
        spec = importlib.util.find_spec(dotted)
        source = Path(spec.origin).read_text("utf-8", "replace") if spec and spec.origin else ""
    except Exception:  # a parent that does not import either, a name that is none
        return False
    return _REQUIRED.search(source) is not None


def _a(value: object) -> str:
    return f"a value of type {type(value).__name__}"


def _children(package: ModuleType) -> Iterator[str]:
    for info in pkgutil.iter_modules(getattr(package, "__path__", [])):
        if not info.name.startswith("_"):
            yield info.name


def _may_hold_hooks(dotted: str) -> bool:
    """Whether a hook may stand in this module, or in one below it. Only its files are read."""
    spec = importlib.util.find_spec(dotted)
    if spec is None or not spec.origin:
        return True
    home = Path(spec.origin)
    sources = home.parent.rglob("*.py") if spec.submodule_search_locations else [home]
    return any(b"hookimpl" in path.read_bytes() for path in sources)


def _folder_package(folder: Path) -> str:
    """Make the folder importable as one package, so that its modules may import each other relatively and shadow nothing."""
    if not folder.is_dir():
        raise ConfigError(
            f"The setting DESKHAND_PLUGINS_DIR is wrong: {folder} is not a folder. Make it, or remove the setting, and start again."
        )
    path = [str(folder.resolve())]
    known = sys.modules.get(FOLDER_PACKAGE)
    if known is None or list(known.__path__) != path:
        for module in [name for name in sys.modules if name.partition(".")[0] == FOLDER_PACKAGE]:
            del sys.modules[module]
        package = ModuleType(FOLDER_PACKAGE)
        package.__path__ = path
        sys.modules[FOLDER_PACKAGE] = package
    importlib.invalidate_caches()
    return FOLDER_PACKAGE


def _marked(module: Any) -> Iterator[tuple[str, Callable[..., Any], dict[str, Any]]]:
    """The functions marked ``@hookimpl`` that belong to ``module`` (its own, or its package's)."""
    home = getattr(module, "__name__", "") if isinstance(module, ModuleType) else ""
    for name in dir(module):
        if name.startswith("__"):
            continue
        function = inspect.getattr_static(module, name, None)
        try:
            options = getattr(function, f"{PROJECT}_impl", None)
        except Exception:  # noqa: S112
            continue  # flask.request and the like may not be looked at outside of a request
        if not isinstance(options, dict):
            continue
        origin = getattr(function, "__module__", "") or ""
        if not home or origin == home or origin.startswith(home + "."):
            yield options.get("specname") or name, getattr(module, name), options


def has_hooks(module: Any) -> bool:
    return any(True for _ in _marked(module))


def read_hooks(module: Any) -> dict[str, Hook]:
    """The hooks of a module, checked against ``bot.hookspecs``. Raises :class:`Misfit` with a sentence."""
    hooks: dict[str, Hook] = {}
    for name, function, options in _marked(module):
        if name not in RULES:
            if options.get("optionalhook"):
                continue
            raise Misfit(f"No hook is called {name}.{did_you_mean(name, RULES)}")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise Misfit(f"{name} is a hook wrapper; Deskhand calls plugins one by one and has no wrappers.")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise Misfit(f"{name} is an async function; hooks are plain functions.")
        if name in hooks:
            raise Misfit(f"Two functions want to be the hook {name}; keep one.")
        arguments, by_position = _arguments(name, function)
        rank = 0 if options.get("tryfirst") else 2 if options.get("trylast") else 1
        hooks[name] = Hook(function, arguments, by_position, rank)
    return hooks


def _arguments(name: str, function: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    allowed = list(inspect.signature(getattr(hookspecs, name)).parameters)
    wanted: list[str] = []
    by_position = True
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            raise Misfit(f"{name} takes {parameter}; name the arguments it needs ({_list(allowed)}).")
        if parameter.name in allowed and parameter.kind is not parameter.POSITIONAL_ONLY:
            wanted.append(parameter.name)
            by_position = by_position and parameter.kind is not parameter.KEYWORD_ONLY
        elif parameter.default is parameter.empty:
            raise Misfit(
                f"{name} asks for {parameter.name}, which does not exist.{did_you_mean(parameter.name, allowed)}"
                f" It may ask for {_list(allowed)}."
            )
        else:
            by_position = False
    return tuple(wanted), by_position


def did_you_mean(word: str, known: Mapping[str, Any] | list[str]) -> str:
    """`` Did you mean X?`` or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def _list(words: list[str]) -> str:
    return ", ".join(words) if words else "nothing"
