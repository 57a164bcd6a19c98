"""Tables of questions and answers as articles: CSV and XLSX, one article for each row."""

from __future__ import annotations

from collections.abc import Iterator

from bot import Finding, KnowledgeSource, LeftOut, PluginInfo, SourceArticle, SourceOrder, SourceReader, hookimpl

from ._files import FileReader, checked

PLUGIN = PluginInfo(
    title="Tables of questions and answers", summary="Articles come from CSV and XLSX files of this machine.", on=True
)
LARGEST = 20_000_000
SECONDS = 150.0
SUFFIXES = (".csv", ".tsv", ".xlsx")


class TableReader(FileReader):
    most = LARGEST

    def found(self) -> Iterator[Finding]:
        for row in self.reading.ask("rows", self.path, SECONDS, name=self.path.name):
            yield finding(row)


def finding(row: dict[str, object]) -> Finding:
    """What the reading process said about a row."""
    if "problem" in row:
        return LeftOut(str(row["row"]), str(row["problem"]))
    texts = {name: str(row[name]) for name in ("title", "body", "name", "url", "language", "updated")}
    sites = row["sites"]
    return SourceArticle(**texts, sites=tuple(str(site) for site in sites) if isinstance(sites, list) else ())


class TableSource(KnowledgeSource):
    kind = "table"
    title = "table of questions and answers"
    complete = True

    def accepts(self, address: str) -> bool:
        return "://" not in address and address.lower().endswith(SUFFIXES)

    def check(self, order: SourceOrder) -> SourceOrder:
        return checked(order, SUFFIXES, LARGEST)

    def open(self, order: SourceOrder) -> SourceReader:
        return TableReader(order)


@hookimpl
def knowledge_source() -> KnowledgeSource:
    return TableSource()
