"""Columns of JSON: PostgreSQL hands out what is in them, SQLite its text."""

from __future__ import annotations

from typing import Any

import orjson


def decoded(value: Any) -> Any:
    """A value of such a column. Raises :class:`orjson.JSONDecodeError` for a text that is none."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value


def decoded_object(value: Any) -> dict[str, Any]:
    """A value that is an object, as a copy; an empty one for ``None``."""
    return dict(decoded(value) or {})
