"""A private PostgreSQL for the tests: its own folder, its own socket, no fsync, one template database copied for each test."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

MISSING = "PostgreSQL is not installed: run make test (it brings it), or apt install postgresql."


def find_tool(name: str) -> str:
    """Where a program of the server is. Debian keeps them off the PATH. Raises RuntimeError with the fix."""
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    if not found:
        raise RuntimeError(MISSING)
    return found


class Postgres:
    """One server. ``url(name)`` is the address of a database."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dhpg-"))
        # The server refuses to run as root.
        self.user = self._other_user() if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self.number = 0
        self._lent: tuple[str, str, bytes] | None = None

    @staticmethod
    def _other_user() -> str:
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name).pw_name
            except KeyError:
                continue
        raise RuntimeError("PostgreSQL refuses to run as root and there is no other user to run it.")

    def _run(self, *command: str, quiet: bool = True) -> None:
        subprocess.run(
            command, check=True, user=self.user, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else None, timeout=60,
        )  # fmt: skip

    def start(self) -> None:
        """Make the cluster and start the server."""
        data = str(self.folder / "data")
        self._run(find_tool("initdb"), "-D", data, "-U", "deskhand", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = (
            f"-k {self.folder} -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
            " -c max_connections=300 -c shared_buffers=64MB"
        )
        log = str(self.folder / "log")
        self._run(find_tool("pg_ctl"), "-D", data, "-l", log, "-w", "-t", "30", "-o", options, "start")

    def stop(self) -> None:
        """End the server and remove its folder."""
        try:
            self._run(find_tool("pg_ctl"), "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        return f"postgresql://deskhand@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement in the server's own database."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def fresh(self, template: str = "template1") -> str:
        """Make a database, a copy of ``template``; returns its address."""
        self.number += 1
        name = f"t{self.number}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {url.partition('?')[0].rsplit('/', 1)[1]} WITH (FORCE)")

    def lend(self, template: str) -> str:
        """A database that is as fresh as a copy of ``template``, for one test after the other: emptying one takes a tenth of
        the time of making one. Give it back."""
        if self._lent is None:
            url = self.fresh(template)
            self._lent = (url, template, self._shape(url))
        return self._lent[0]

    def take_back(self, url: str) -> None:
        """Empty it. One whose tables a test has changed is thrown away."""
        import psycopg

        assert self._lent is not None
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_END_OTHERS)
            connection.execute(_EMPTY)  # type: ignore[arg-type]
        if self._shape(url) != self._lent[2]:
            self.drop(url)
            self._lent = None

    def _shape(self, url: str) -> bytes:
        """Tables, columns, indexes and the rows that migrations leave: equal for all databases of one version."""
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(_SHAPE).fetchone()
            rows = connection.execute(f"SELECT * FROM {_KEPT} ORDER BY 1").fetchall()  # type: ignore[arg-type]
        return repr((row, rows)).encode()


_KEPT = "schema_migration"
_END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_SHAPE = (
    "SELECT (SELECT string_agg(c.relname || '.' || a.attname || ':' || a.atttypid || a.attnotnull, ',' ORDER BY c.relname, a.attnum)"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0),"
    " (SELECT string_agg(indexdef, ',' ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'public')"
)
# As a replica: foreign keys are not looked at, so the order does not matter.
_EMPTY = f"""
SET session_replication_role = replica;
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '{_KEPT}' LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', name);
  END LOOP;
END $$;
"""
