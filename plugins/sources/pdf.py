"""PDF files as articles: one for each file, its pages as headings."""

from __future__ import annotations

from collections.abc import Iterator

from bot import Finding, KnowledgeSource, PluginInfo, SourceArticle, SourceOrder, SourceReader, hookimpl

from ._files import FileReader, checked

PLUGIN = PluginInfo(title="PDF files", summary="Articles come from PDF files of this machine.", on=True)
LARGEST = 50_000_000
SECONDS = 120.0


class PdfReader(FileReader):
    most = LARGEST

    def found(self) -> Iterator[Finding]:
        name = self.path.stem.replace("-", " ").replace("_", " ").strip() or self.path.name
        got = self.reading.one("pdf", self.path, SECONDS, name=name)
        yield SourceArticle(title=got["title"], body=got["body"], updated=got["updated"])


class PdfSource(KnowledgeSource):
    kind = "pdf"
    title = "PDF file"
    complete = True

    def accepts(self, address: str) -> bool:
        return "://" not in address and address.lower().endswith(".pdf")

    def check(self, order: SourceOrder) -> SourceOrder:
        return checked(order, (".pdf",), LARGEST)

    def open(self, order: SourceOrder) -> SourceReader:
        return PdfReader(order)


@hookimpl
def knowledge_source() -> KnowledgeSource:
    return PdfSource()
