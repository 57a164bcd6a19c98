"""The kit makes its own store, always on SQLite: what is tried here is the same on a run with PostgreSQL, and is done once."""

from __future__ import annotations

import os

collect_ignore_glob = ["test_*.py"] if os.environ.get("DESKHAND_TEST_DATABASE") == "postgresql" else []
