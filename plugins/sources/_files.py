"""A source that is one file of this machine."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot import Finding, LeftOut, Place, Remember, SourceFailed, SourceOrder, SourceReader, SourceRefused, Unchanged

from ._reader import Reading, Unreadable


def checked(order: SourceOrder, suffixes: tuple[str, ...], most: int) -> SourceOrder:
    """The order with the whole path of its file. Raises :class:`bot.SourceRefused`."""
    path = Path(order.address).expanduser().absolute()
    problem = _problem(path, most)
    if problem:
        raise SourceRefused(f"{path} cannot be a source: {problem}.")
    if path.suffix.lower() not in suffixes:
        raise SourceRefused(f"{path} cannot be a source: its name must end in {' or '.join(suffixes)}.")
    known = {name: value for name, value in order.options.items() if name == "default_language"}
    return SourceOrder(address=str(path), language=order.language, options=known)


def _problem(path: Path, most: int) -> str:
    try:
        info = path.stat()
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if not stat.S_ISREG(info.st_mode):
        return "it is not a file"
    return (
        f"it has {info.st_size / 1e6:,.1f} MB; at most {most / 1e6:.0f} MB are read. Split it"
        if info.st_size > most
        else ""
    )


class FileReader(SourceReader):
    """Reads the file again when its time or size has changed. A kind of file says what is in it by :meth:`found`."""

    most = 20_000_000
    format = "1"
    """Remembered with the file: raise it when it is to be read again although it did not change."""

    def __init__(self, order: SourceOrder) -> None:
        self.path = Path(order.address)
        self.reading = Reading()

    def places(self) -> list[Place]:
        try:
            self.path.stat()
        except OSError as error:
            raise SourceFailed(
                f"The file {self.path} cannot be read ({error.strerror}). Put it back or remove the source; its articles stay as they were."
            ) from None
        return [Place(path=self.path.name)]

    def read(self, place: Place, note: Mapping[str, Any]) -> Iterator[Finding]:
        problem = _problem(self.path, self.most)
        if problem:
            yield LeftOut("", problem)
            return
        info = self.path.stat()
        mark = [info.st_mtime_ns, info.st_size, self.format]
        if note.get("mark") == mark:
            yield Unchanged()
            return
        try:
            yield from self.found()
        except Unreadable as error:
            yield LeftOut("", str(error))
            return
        yield Remember({"mark": mark})

    def found(self) -> Iterator[Finding]:
        """Yield what is in the file. Raises ``Unreadable``."""
        raise NotImplementedError

    def close(self) -> None:
        self.reading.close()
