"""What became of a question that was asked as a test. Frozen data, no I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A source of an answer, by all names that a test may call it."""

    title: str
    passage: str = ""
    article: str = ""
    slug: str = ""
    path: str = ""
    heading: str = ""

    @property
    def name(self) -> str:
        """The shortest one that people know."""
        return self.slug or self.title

    def called(self, name: str) -> bool:
        """Whether ``name`` means it: id, path, file name without its ending, slug or title, whatever the case;
        ``Title › Heading`` for one passage."""
        folded = " ".join(name.casefold().split())
        if folded and folded in {
            self.slug.casefold(),
            PurePath(self.path).stem.casefold(),
            " ".join(self.title.casefold().split()),
        }:
            return True
        if self.heading and folded == " ".join(f"{self.title} › {self.heading}".casefold().split()):
            return True
        return bool(name) and name in {self.passage, self.article, self.path}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One answer, as a customer would have got it, with what it cost."""

    question: str
    text: str
    cited: tuple[Cited, ...] = ()
    type: str = "ai"
    """As ``bot.Answer.type``."""
    passed_on: bool = False
    reason: str = ""
    """Why it was passed on."""
    offered: bool = False
    """One of its quick replies brings a person."""
    answerable: bool = True
    """What the search decided."""
    certainty: float = 0.0
    grounded: float | None = None
    stated: float | None = None
    """What the model said of its own sureness."""
    confidence: float | None = None
    provider: str = ""
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    """US dollars; ``None``: the price of the model is not known."""
    ms: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
