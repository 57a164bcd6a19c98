"""Markdown files of this machine as a source that was added: a folder, or one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot import (
    Finding,
    Gone,
    KnowledgeSource,
    LeftOut,
    Place,
    Remember,
    SourceArticle,
    SourceFailed,
    SourceOrder,
    SourceReader,
    SourceRefused,
    Unchanged,
)
from plugins.knowledge.frontmatter import UnusableFile, parse
from plugins.knowledge.scan import SUFFIXES, FolderMissing, mark_of, read_bytes, scan
from plugins.knowledge.words import script_language

FORMAT = "1"


class MarkdownSource(KnowledgeSource):
    kind = "markdown"
    title = "Markdown folder or file"
    complete = True

    def accepts(self, address: str) -> bool:
        return "://" not in address and (address.lower().endswith(SUFFIXES) or Path(address).expanduser().is_dir())

    def check(self, order: SourceOrder) -> SourceOrder:
        path = Path(order.address).expanduser().absolute()
        try:
            files, _problems = _files(path)
        except SourceFailed as error:
            raise SourceRefused(str(error)) from None
        if not files:
            raise SourceRefused(f"{path} cannot be a source: no file in it ends in {' or '.join(SUFFIXES)}.")
        known = {name: value for name, value in order.options.items() if name == "default_language"}
        return SourceOrder(address=str(path), language=order.language, options=known)

    def open(self, order: SourceOrder) -> SourceReader:
        return MarkdownReader(order)


class MarkdownReader(SourceReader):
    """A file is read again when its time, size or inode has changed."""

    def __init__(self, order: SourceOrder) -> None:
        self.path = Path(order.address)
        self.order = order

    def places(self) -> list[Place]:
        files, problems = _files(self.path)
        return [
            *(Place(path=name) for name in sorted(files)),
            *(Place(path=name, hint={"problem": reason}) for name, reason in problems.items()),
        ]

    def read(self, place: Place, note: Mapping[str, Any]) -> Iterator[Finding]:
        folder = self.path if self.path.is_dir() else self.path.parent
        try:
            if place.hint.get("problem"):
                raise UnusableFile(str(place.hint["problem"]))
            mark = mark_of(folder / place.path, folder.resolve())
            if note.get("mark") == [*mark, FORMAT]:
                yield Unchanged()
                return
            name = Path(place.path).stem.replace("-", " ").replace("_", " ").strip().capitalize() or place.path
            document = parse(read_bytes(folder / place.path, mark), name)
        except UnusableFile as error:
            yield LeftOut("", str(error))
            return
        yield Remember({"mark": [*mark, FORMAT]})
        if document.draft:
            yield Gone()
            return
        yield SourceArticle(
            title=document.title,
            body=document.body,
            url=document.url,
            language=document.language or script_language(document.body),
            updated=document.updated or datetime.fromtimestamp(mark[0] / 1e9, UTC).date().isoformat(),
            sites=document.sites,
            internal=document.internal,
        )


def _files(path: Path) -> tuple[list[str], dict[str, str]]:
    if path.is_file():
        return [path.name], {}
    try:
        files, problems = scan(path)
    except FolderMissing:
        raise SourceFailed(
            f"The folder {path} cannot be read. Make it readable; its articles stay as they were."
        ) from None
    return list(files), {problem.path: problem.reason for problem in problems}
