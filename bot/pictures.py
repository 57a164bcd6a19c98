"""Pictures are made anew before they are kept: whatever hides behind the pixels (where and when it was taken, thumbnails,
another file glued to the end) does not come along."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from bot.threads import native_lock

MAX_PIXELS = 50_000_000
"""Of all frames together: 50 million are 150 MB in memory while they are made anew."""
MAX_SIDE = 20_000
MAX_FRAMES = 500

_MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}

# One at a time in each process: ten large pictures at once would need as much memory as everything else together.
_one = native_lock()


class BadPicture(Exception):
    """It cannot be kept. The text is the end of a sentence for people."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture made anew."""

    content: bytes
    width: int
    height: int


def renew(content: bytes, form: str) -> Picture:
    """Decode and encode again, upright, without metadata. ``form``: ``PNG``, ``JPEG``, ``WEBP`` or ``GIF``.

    Raises :class:`BadPicture`. Takes up to some seconds: in web call it by ``offload``.
    """
    import warnings

    from PIL import Image

    try:
        with _one, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we look at the pixels ourselves
            with Image.open(io.BytesIO(content), formats=[form]) as picture:
                _check_size(picture)
                return _animated(picture, form) if getattr(picture, "n_frames", 1) > 1 else _still(picture, form)
    except BadPicture:
        raise
    except Exception:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, EOFError … for what is broken
        raise BadPicture(f"it is damaged, or no {form} picture.") from None


def shrink(content: bytes, side: int, most: int = 3_500_000) -> tuple[str, bytes]:
    """A kept picture for a model: type and bytes, no side longer than ``side`` pixels, at most ``most`` bytes, of moving ones the first
    frame. As it is when it fits. Raises :class:`BadPicture`.
    """
    import warnings

    from PIL import Image

    try:
        with _one, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=list(_MEDIA)) as picture:
                _check_size(picture)
                moves = getattr(picture, "n_frames", 1) > 1
                picture.load()  # half a picture is none
                if max(picture.size) <= side and len(content) <= most and not moves:
                    return _MEDIA[str(picture.format)], content
                return "image/jpeg", _smaller(picture, side, most)
    except BadPicture:
        raise
    except Exception:
        raise BadPicture("it is damaged.") from None


def _smaller(picture: Any, side: int, most: int) -> bytes:
    from PIL import Image

    first = picture.convert("RGBA")
    first.thumbnail((side, side))
    # A model sees no transparency: on white, as on most pages.
    flat = Image.new("RGB", first.size, "white")
    flat.paste(first, mask=first.getchannel("A"))
    for quality in (85, 60, 35):
        made = _encode(flat, "JPEG", {"quality": quality})
        if len(made) <= most:
            return made
    raise BadPicture("it is too large to be looked at.")


def _check_size(picture: Any) -> None:
    (width, height), frames = picture.size, int(getattr(picture, "n_frames", 1))
    if width * height * frames > MAX_PIXELS or max(width, height) > MAX_SIDE or frames > MAX_FRAMES:
        many = f"{width} × {height} pixels" + (f" in {frames} frames" if frames > 1 else "")
        raise BadPicture(f"it has {many}, and {MAX_PIXELS // 1_000_000} million pixels are possible.")


def _still(picture: Any, form: str) -> Picture:
    from PIL import ImageOps

    profile = picture.info.get("icc_profile")  # colours would change without it; it says nothing of the person
    transparency = picture.info.get("transparency")
    upright = ImageOps.exif_transpose(picture)
    options: dict[str, Any] = {"icc_profile": profile} if profile and form != "GIF" else {}
    if form == "JPEG":
        if upright.mode not in {"RGB", "L", "CMYK"}:
            upright = upright.convert("RGB")
        options.update(quality=90, optimize=True)
    elif form == "WEBP":
        options.update(quality=90, method=4, exif=b"", xmp=b"")
    if transparency is not None and form in {"PNG", "GIF"}:
        options["transparency"] = transparency
    upright.info = {}
    return Picture(_encode(upright, form, options), *upright.size)


def _animated(picture: Any, form: str) -> Picture:
    from PIL import ImageSequence

    frames, pauses = [], []
    for frame in ImageSequence.Iterator(picture):
        pauses.append(max(20, int(frame.info.get("duration") or 100)))
        copy = frame.convert("RGBA")
        copy.info = {}
        frames.append(copy)
    options: dict[str, Any] = {
        "save_all": True, "append_images": frames[1:], "duration": pauses, "loop": int(picture.info.get("loop") or 0),
    }  # fmt: skip
    if form == "GIF":
        options["disposal"] = 2
    return Picture(_encode(frames[0], form, options), *frames[0].size)


def _encode(picture: Any, form: str, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()
