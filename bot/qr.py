"""A QR code as SVG, for the link that opens a conversation on a phone. ISO/IEC 18004: bytes, error correction M, versions 1 to 10.

Enough for a link of 213 bytes. No library: the whole of it is this page, and it needs no image format but text.
"""

from __future__ import annotations

from collections.abc import Iterator

# By version from 1: all codewords, error correction codewords of a block and the number of blocks, for level M.
_CODEWORDS = (26, 44, 70, 100, 134, 172, 196, 242, 292, 346)
_CORRECTION = (10, 16, 26, 18, 24, 16, 18, 22, 22, 26)
_BLOCKS = (1, 1, 1, 2, 2, 4, 4, 4, 5, 5)
_ALIGNED = ((), (6, 18), (6, 22), (6, 26), (6, 30), (6, 34), (6, 22, 38), (6, 24, 42), (6, 26, 46), (6, 28, 50))
QUIET = 4
"""Modules of white around it, which scanners need."""

Matrix = list[list[bool]]

_EXP = [1] * 255
for _i in range(1, 255):
    _EXP[_i] = (_EXP[_i - 1] << 1) ^ (0x11D if _EXP[_i - 1] & 0x80 else 0)
_LOG = {value: exponent for exponent, value in enumerate(_EXP)}


def svg(text: str, *, label: str = "QR code") -> str:
    """``text`` as a black and white SVG that scales. Raises ValueError beyond 213 bytes."""
    modules = matrix(text)
    size = len(modules) + 2 * QUIET
    dark = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(modules) for x, on in enumerate(row) if on
    )
    label = label.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img" aria-label="{label}"'
        f' shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{dark}"/></svg>'
    )


def matrix(text: str, mask: int | None = None) -> Matrix:
    """The modules, row by row; true is dark. The mask that reads best is chosen unless one is given."""
    data = text.encode()
    version = next((n for n in range(1, 11) if len(data) <= _room(n)), None)
    if version is None:
        raise ValueError(f"{len(data)} bytes do not fit: at most {_room(10)}")
    bits = _interleaved(_codewords(data, version), version)
    fixed, base = _patterns(version)
    _place(base, fixed, bits)
    drawn: list[Matrix] = []
    for number in range(8) if mask is None else (mask,):
        shown = [
            [on != (not fixed[y][x] and _masked(number, x, y)) for x, on in enumerate(row)]
            for y, row in enumerate(base)
        ]
        _format(shown, number)
        drawn.append(shown)
    return min(drawn, key=_penalty)


def _room(version: int) -> int:
    """Bytes of text that fit: without the mode (4 bits) and the length (8, from version 10 on 16)."""
    data = _CODEWORDS[version - 1] - _CORRECTION[version - 1] * _BLOCKS[version - 1]
    return data - (2 if version < 10 else 3)


def _codewords(data: bytes, version: int) -> list[int]:
    count = _CODEWORDS[version - 1] - _CORRECTION[version - 1] * _BLOCKS[version - 1]
    bits = f"0100{len(data):0{8 if version < 10 else 16}b}" + "".join(f"{byte:08b}" for byte in data)
    bits += "0" * min(4, count * 8 - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    return words + [(0xEC, 0x11)[i % 2] for i in range(count - len(words))]


def _interleaved(words: list[int], version: int) -> str:
    """Data and error correction of all blocks, in the order in which they are drawn."""
    count, correction = _BLOCKS[version - 1], _CORRECTION[version - 1]
    short, longer = divmod(len(words), count)
    blocks, at = [], 0
    for number in range(count):
        length = short + (number >= count - longer)
        blocks.append(words[at : at + length])
        at += length
    generator = _generator(correction)
    checks = [_remainder(block, generator) for block in blocks]
    drawn = [block[i] for i in range(short + 1) for block in blocks if i < len(block)]
    drawn += [check[i] for i in range(correction) for check in checks]
    return "".join(f"{word:08b}" for word in drawn)


def _times(a: int, b: int) -> int:
    return _EXP[(_LOG[a] + _LOG[b]) % 255] if a and b else 0


def _generator(degree: int) -> list[int]:
    result = [1]
    for i in range(degree):
        shifted = [*result, 0]
        result = [shifted[j] ^ (_times(result[j - 1], _EXP[i]) if j else 0) for j in range(len(shifted))]
    return result[1:]


def _remainder(block: list[int], generator: list[int]) -> list[int]:
    rest = [0] * len(generator)
    for word in block:
        factor = word ^ rest[0]
        rest = [a ^ _times(b, factor) for a, b in zip([*rest[1:], 0], generator, strict=True)]
    return rest


def _patterns(version: int) -> tuple[Matrix, Matrix]:
    """Which modules are no data, and what they show (the format is drawn later)."""
    size = 17 + 4 * version
    fixed = [[False] * size for _ in range(size)]
    shown = [[False] * size for _ in range(size)]

    def put(x: int, y: int, on: bool) -> None:
        if 0 <= x < size and 0 <= y < size:
            fixed[y][x], shown[y][x] = True, on

    for i in range(size):
        put(6, i, i % 2 == 0)
        put(i, 6, i % 2 == 0)
    for x, y in _square(4):
        for cx, cy in ((3, 3), (size - 4, 3), (3, size - 4)):
            put(cx + x, cy + y, max(abs(x), abs(y)) not in {2, 4})
    centres = _ALIGNED[version - 1]
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    for cx, cy in {(cx, cy) for cx in centres for cy in centres} - corners:
        for x, y in _square(2):
            put(cx + x, cy + y, max(abs(x), abs(y)) != 1)
    for x, y in _format_places(size):
        put(x, y, False)
    put(8, size - 8, True)
    if version >= 7:
        bits = _version_bits(version)
        for i in range(18):
            put(size - 11 + i % 3, i // 3, bool(bits >> i & 1))
            put(i // 3, size - 11 + i % 3, bool(bits >> i & 1))
    return fixed, shown


def _square(reach: int) -> list[tuple[int, int]]:
    return [(x, y) for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)]


def _version_bits(version: int) -> int:
    rest = version
    for _ in range(12):
        rest = (rest << 1) ^ ((rest >> 11) * 0x1F25)
    return version << 12 | rest


def _format_places(size: int) -> list[tuple[int, int]]:
    """Where the 15 bits of the format are, twice: the first copy, then the second."""
    first = [(8, i) for i in range(6)] + [(8, 7), (8, 8), (7, 8)] + [(14 - i, 8) for i in range(9, 15)]
    second = [(size - 1 - i, 8) for i in range(8)] + [(8, size - 15 + i) for i in range(8, 15)]
    return first + second


def _format(shown: Matrix, mask: int) -> None:
    data = mask  # level M is 00
    rest = data
    for _ in range(10):
        rest = (rest << 1) ^ ((rest >> 9) * 0x537)
    bits = (data << 10 | rest) ^ 0x5412
    for i, (x, y) in enumerate(_format_places(len(shown))):
        shown[y][x] = bool(bits >> i % 15 & 1)


def _place(shown: Matrix, fixed: Matrix, bits: str) -> None:
    stream = iter(bits)
    for x, y in _snake(len(shown)):
        if not fixed[y][x]:
            shown[y][x] = next(stream, "0") == "1"


def _snake(size: int) -> Iterator[tuple[int, int]]:
    """Two columns at a time, from the right, up and down in turn, past the timing column."""
    right, up = size - 1, True
    while right > 0:
        right -= right == 6
        for step in range(size):
            y = size - 1 - step if up else step
            yield right, y
            yield right - 1, y
        right, up = right - 2, not up


def _masked(number: int, x: int, y: int) -> bool:
    return (
        (x + y) % 2, y % 2, x % 3, (x + y) % 3, (x // 3 + y // 2) % 2, x * y % 2 + x * y % 3, (x * y % 2 + x * y % 3) % 2,
        ((x + y) % 2 + x * y % 3) % 2,
    )[number] == 0  # fmt: skip


def _penalty(shown: Matrix) -> int:
    """How badly a scanner would read it: long runs, blocks, look-alikes of the corners, too much of one colour."""
    size, points = len(shown), 0
    for lines in (shown, [list(column) for column in zip(*shown, strict=True)]):
        for line in lines:
            text = "".join("1" if on else "0" for on in line)
            for run in text.replace("01", "0 1").replace("10", "1 0").split():
                points += len(run) - 2 if len(run) >= 5 else 0
            padded = f"0000{text}0000"
            points += 40 * sum(padded.startswith(("10111010000", "00001011101"), i) for i in range(len(padded)))
    for y in range(size - 1):
        for x in range(size - 1):
            points += 3 * (shown[y][x] == shown[y][x + 1] == shown[y + 1][x] == shown[y + 1][x + 1])
    dark = sum(sum(row) for row in shown)
    return points + 10 * (abs(dark * 20 - size * size * 10) // (size * size))
