"""What an answer test is: a question or a dialogue, and what its answers must be like. Frozen data, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Person = Literal["yes", "no", "handoff"]
"""``yes``: passed on, or a person is offered. ``handoff``: passed on, nothing less. ``no``: not passed on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something an answer says or does not say: plain words, or a regular expression."""

    text: str
    """As it stands in the file; an expression keeps its slashes."""
    pattern: re.Pattern[str] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text if self.pattern is not None else f"“{self.text}”"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What holds for a good answer. Empty fields expect nothing."""

    must_cite: tuple[tuple[str, ...], ...] = ()
    """Articles or passages; of each inner tuple one is enough."""
    must_say: tuple[tuple[Wanted, ...], ...] = ()
    """Of each inner tuple one is enough."""
    must_not_say: tuple[Wanted, ...] = ()
    expects_person: Person | None = None
    expects_no_answer: bool | None = None
    min_confidence: float | None = None
    max_cost: float | None = None
    """US dollars for the one answer."""

    @property
    def anything(self) -> bool:
        return self != Expected()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message of the customer, and what its answer must be like."""

    question: str
    expected: Expected = Expected()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One answer test."""

    name: str
    """Unique in its file."""
    steps: tuple[Step, ...]
    site: str = ""
    """Site key; empty: the first site."""
    language: str = ""
    file: Path = Path()
    line: int = 0
    set: str = ""
    """The file as people call it: its path below the folder that was read."""

    @property
    def id(self) -> str:
        """Names the case among all files: results are kept and compared by it."""
        return f"{self.set}::{self.name}" if self.set else self.name

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a file that cannot be used. The rest of the file is."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """What files of answer tests hold."""

    cases: tuple[Case, ...] = ()
    problems: tuple[Problem, ...] = ()
    knowledge: Path | None = None
    """The folder of articles that the file names; ``None``: the installation's knowledge."""
