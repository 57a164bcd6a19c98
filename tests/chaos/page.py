"""docs/proof.md: a page of chapters, each written by the run that it tells of and left alone by the others."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot import __version__

ROOT = Path(__file__).parents[2]
PROOF = ROOT / "docs" / "proof.md"
ORDER = ("head", "core", "desk", "chats", "answers", "words")
_CHAPTER = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- /\1 -->\n", re.DOTALL)


def put(chapters: Mapping[str, Sequence[str]], target: Path = PROOF) -> None:
    """Write these chapters into the page; the others stay as they are."""
    before = dict(_CHAPTER.findall(target.read_text("utf-8"))) if target.exists() else {}
    now = before | {name: "\n".join(lines).strip("\n") for name, lines in chapters.items()}
    unknown = sorted(set(now) - set(ORDER))
    if unknown:
        raise ValueError(f"there is no chapter {', '.join(unknown)} in the order of the page")
    parts = [f"<!-- {name} -->\n{now[name]}\n<!-- /{name} -->\n" for name in ORDER if name in now]
    target.write_text("\n".join(parts), "utf-8")


def stamp(command: str) -> str:
    """The line under a chapter's title: how it was made, of which commit, and when."""
    return f"*`{command}`, commit {_commit()}, Deskhand {__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC*"


def _commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or "unknown"
