"""The embeddings endpoint of the model fake: vectors by which texts with the same words are near each other, and its faults."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any

SIZE = 96
FAULTS = frozenset(
    {"400", "401", "429", "500", "529", "stall", "drop", "few", "lengths", "words", "not_json", "uncounted"}
)
"""A status; silence; a connection that is closed; a vector too few; vectors of two lengths; words for numbers; a web page; no count of
tokens, as of smaller servers, which is none."""

_WORD = re.compile(r"\w+")


def vector(text: str, model: str = "") -> list[float]:
    """Each word of the text has its places among 96 numbers, other ones for each model. Of length 1."""
    numbers = [0.0] * SIZE
    for word in _WORD.findall(text.lower()) or [text]:
        digest = hashlib.sha256(f"{model}:{word}".encode()).digest()
        for at in range(0, 8, 2):
            numbers[digest[at] % SIZE] += 1.0 if digest[at + 1] & 1 else -1.0
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


def answer(body: dict[str, Any], fault: str) -> dict[str, Any]:
    """The body of an answer, broken as ``fault`` says."""
    asked = body.get("input")
    texts = [asked] if isinstance(asked, str) else list(asked or [])
    model = str(body.get("model"))
    vectors: list[list[Any]] = [list(vector(text, model)) for text in texts]
    if fault == "few":
        vectors = vectors[:-1]
    if fault == "lengths":
        vectors[-1] = vectors[-1][:-1]
    if fault == "words":
        vectors = [["one"] * SIZE for _ in vectors]
    # Servers need not keep the order: the index says which text it was.
    data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(vectors)][::-1]
    tokens = sum(len(text) for text in texts) // 4
    usage = {} if fault == "uncounted" else {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    return {"object": "list", "data": data, "model": model, **usage}
