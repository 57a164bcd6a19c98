"""Kinds of files: what a name says, what the bytes say, and whether both agree. No I/O.

Nothing that a sender says of a file is believed. HTML and SVG have no kind here: they can carry scripts.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

MAX_NAME = 100
"""Characters of a file's name that are kept, ending included."""

# What no file system, header or reader should meet in a name: control characters, marks that turn the direction of writing
# (they make "gpj.exe" look like "exe.jpg"), and separators.
_NOT_IN_NAMES = re.compile('[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff<>:"|?*]')
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. ``fits`` looks at the bytes; ``picture`` is Pillow's name of the format of what is made anew."""

    type: str
    endings: tuple[str, ...]
    fits: Callable[[bytes], bool]
    picture: str = ""


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(starts)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda content: content[:4] == b"RIFF" and content[8:12] == form


def _brand(*brands: bytes) -> Callable[[bytes], bool]:
    """ISO base media: ``ftyp`` and a major or compatible brand."""

    def fits(content: bytes) -> bool:
        if content[4:8] != b"ftyp":
            return False
        end = min(int.from_bytes(content[:4], "big"), 128)
        told = {content[8:12], *(content[at : at + 4] for at in range(16, end, 4))}
        return any(brand in told for brand in brands)

    return fits


def _mp3(content: bytes) -> bool:
    # A frame: eleven set bits, MPEG 1, 2 or 2.5, layer III, a bit rate and a sampling rate that exist.
    if content[:3] == b"ID3":
        return True
    if len(content) < 4 or content[0] != 0xFF or content[1] & 0xE0 != 0xE0:
        return False
    version, layer = content[1] >> 3 & 3, content[1] >> 1 & 3
    return version != 1 and layer == 1 and content[2] >> 4 not in {0, 15} and content[2] >> 2 & 3 != 3


def _text(content: bytes) -> bool:
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8")
    except UnicodeDecodeError:
        return False
    return _CONTROLS.search(text) is None


def _packed(member: str) -> Callable[[bytes], bool]:
    """A zip with a member whose name begins so."""

    def fits(content: bytes) -> bool:
        if content[:4] != b"PK\x03\x04":
            return False
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return any(name.startswith(member) for name in archive.namelist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
            return False

    return fits


_OPEN = "application/vnd.openxmlformats-officedocument"
KINDS: dict[str, Kind] = {
    "png": Kind("image/png", (".png",), _begins(b"\x89PNG\r\n\x1a\n"), "PNG"),
    "jpeg": Kind("image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), _begins(b"\xff\xd8\xff"), "JPEG"),
    "webp": Kind("image/webp", (".webp",), _riff(b"WEBP"), "WEBP"),
    "gif": Kind("image/gif", (".gif",), _begins(b"GIF87a", b"GIF89a"), "GIF"),
    "pdf": Kind("application/pdf", (".pdf",), _begins(b"%PDF-")),
    "txt": Kind("text/plain", (".txt", ".log", ".text"), _text),
    "ogg": Kind("audio/ogg", (".ogg", ".oga", ".opus"), _begins(b"OggS")),
    "mp3": Kind("audio/mpeg", (".mp3",), _mp3),
    "m4a": Kind("audio/mp4", (".m4a",), _brand(b"M4A ", b"M4B ", b"mp42", b"isom")),
    "csv": Kind("text/csv", (".csv",), _text),
    "docx": Kind(f"{_OPEN}.wordprocessingml.document", (".docx",), _packed("word/")),
    "heic": Kind("image/heic", (".heic", ".heif"), _brand(b"heic", b"heix", b"mif1")),
    "mov": Kind("video/quicktime", (".mov",), _brand(b"qt  ")),
    "mp4": Kind("video/mp4", (".mp4", ".m4v"), _brand(b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"M4V ")),
    "odt": Kind("application/vnd.oasis.opendocument.text", (".odt",), _packed("mimetype")),
    "pptx": Kind(f"{_OPEN}.presentationml.presentation", (".pptx",), _packed("ppt/")),
    "wav": Kind("audio/wav", (".wav",), _riff(b"WAVE")),
    "webm": Kind("video/webm", (".webm",), _begins(b"\x1aE\xdf\xa3")),
    "xlsx": Kind(f"{_OPEN}.spreadsheetml.sheet", (".xlsx",), _packed("xl/")),
    "zip": Kind("application/zip", (".zip",), _begins(b"PK\x03\x04", b"PK\x05\x06")),
}
_BY_ENDING = {ending: name for name, kind in KINDS.items() for ending in kind.endings}
INLINE = frozenset(
    {"image/png", "image/jpeg", "image/webp", "image/gif", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav"}
)
"""What a browser may show in place. Everything else is only downloaded."""


def safe_name(name: str) -> str:
    """A name without path, control characters and tricks, of at most :data:`MAX_NAME` characters; never empty."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1].encode("utf-8", "replace").decode())
    name = " ".join(_NOT_IN_NAMES.sub("", name).split()).rstrip(". ")
    stem, dot, ending = name.rpartition(".")
    if dot and len(ending) <= 10:
        return f"{stem.strip('. ')[: MAX_NAME - len(ending) - 1].rstrip('. ') or 'file'}.{ending}"
    return name.strip(". ")[:MAX_NAME] or "file"


def ending_of(name: str) -> str:
    """With its dot and in lower case; empty if there is none."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if stem and dot and 0 < len(ending) <= 10 and ending.isalnum() else ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The kind a file may be kept as, with a name that says so; or why not, as the end of a sentence."""

    name: str
    kind: Kind | None = None
    problem: str = ""


def judge(name: str, content: bytes, allowed: tuple[str, ...]) -> Judged:
    """Name and bytes must agree on a kind that is allowed. A name without an ending gets the one of its bytes."""
    name = safe_name(name)
    possible = f"this kind of file is not possible here. Possible are: {', '.join(allowed)}."
    ending = ending_of(name)
    if not ending:
        # Text last: many things can be read as text.
        for known in sorted(allowed, key=lambda one: KINDS[one].type.startswith("text/")):
            if KINDS[known].fits(content):
                return Judged(f"{name[: MAX_NAME - 10]}{KINDS[known].endings[0]}", KINDS[known])
        return Judged(name, problem=possible)
    known = _BY_ENDING.get(ending, "")
    if known not in allowed:
        return Judged(name, problem=possible)
    if not KINDS[known].fits(content):
        return Judged(name, problem=f"its name says {ending[1:]}, and its content is something else.")
    return Judged(name, KINDS[known])
