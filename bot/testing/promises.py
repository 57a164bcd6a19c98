"""A promise: one test with a sentence. Those that a class does not declare are taken out when the class is made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Promise:
    """What a test needs before it makes sense."""

    sentence: str
    needs: frozenset[str] = frozenset()
    """Capabilities, or words of the kit's own such as ``send``; all of them must be declared."""
    unless: frozenset[str] = frozenset()
    """Only where none of these is declared."""
    writes: tuple[str, ...] = ()
    """Optional methods that the double must have."""
    troubles: tuple[str, ...] = ()


def promise(
    *needs: str, unless: Iterable[str] = (), writes: Iterable[str] = (), troubles: Iterable[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a test of an ``async`` (or plain) method ``(self, stage)``. Its docstring is the promise."""

    def mark(function: Callable[..., Any]) -> Callable[..., None]:
        @functools.wraps(function)
        def test(self: Any) -> None:
            self.keep(function)

        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would look for a fixture called stage
        sentence = " ".join((function.__doc__ or "").split())
        test.promise = Promise(  # type: ignore[attr-defined]
            sentence, frozenset(map(str, needs)), frozenset(map(str, unless)), tuple(writes), tuple(troubles)
        )
        return test

    return mark


def promises_of(kit: type[Any]) -> Iterator[tuple[str, Promise]]:
    """All promises that a class has or inherits, as they are written in their files, also those that were taken out."""
    seen: set[str] = set()
    for base in kit.__mro__:
        for name, value in vars(base).items():
            found = getattr(value, "promise", None)
            if name not in seen and isinstance(found, Promise):
                seen.add(name)
                yield name, found


class Conformance:
    """Base of the four kits. ``keep`` runs one promise; ``why_not`` says why one does not apply."""

    plugin: ClassVar[str] = ""
    """The plugin's name, so that ``deskhand check NAME`` finds the class."""
    exceptions: ClassVar[Mapping[str, str]] = {}
    """Promises that the platform makes impossible: the test's name and the reason, which the checklist shows."""
    not_declared: ClassVar[Mapping[str, str]] = {}
    """Made by the kit: tests that were taken out, and why."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if not cls.complete():
            return
        known = dict(promises_of(cls))
        odd = sorted(set(cls.exceptions) - set(known))
        if odd:
            raise TypeError(f"{cls.__name__}.exceptions names no promise: {', '.join(odd)}")
        left_out = {}
        for name, one in known.items():
            reason = cls.exceptions.get(name) or cls.why_not(one)
            if reason:
                left_out[name] = reason
                setattr(cls, name, None)
        cls.not_declared = left_out

    @classmethod
    def complete(cls) -> bool:
        """Whether the class says what it is about (the kit's own bases do not)."""
        return False

    @classmethod
    def why_not(cls, one: Promise) -> str:
        """Empty, or why the promise does not apply."""
        return ""

    def keep(self, function: Callable[..., Any]) -> None:
        """Run one promise."""
        raise NotImplementedError
