"""The real web process, and a client of its socket that speaks through wsproto."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, RejectConnection, Request, TextMessage

from tests.patience import patient
from tests.ports import free_port
from tests.running import ROOT


def new_cid() -> str:
    return secrets.token_hex(16)


def refused(act: Callable[[], Any], limit: int, *, after: int = 0) -> Any:
    """Do it until it is refused, and return what ``act`` says then; it says None while it is allowed, at least ``after`` times.

    A limit is given back little by little, and the first of it as soon as a new minute begins: "three, and the fourth never" is
    promised by nobody. What is promised is that whoever goes on is refused: in a minute nobody does it more than twice as often.
    """
    for number in range(2 * limit + 1):
        if (said := act()) is not None:
            assert number >= after, f"refused after {number}"
            return said
    raise AssertionError(f"never refused in {2 * limit + 1} tries")


class Answer:
    """An HTTP answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error this is."""
        return str(self.json["error"]["code"])


class Web:
    """``deskhand web`` on a port of its own. ``end`` stops it by its pid."""

    def __init__(self, data: Path, database: str, **env: str) -> None:
        self.port = free_port()
        self.data = data
        self.log_path = data / "web.log"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DESKHAND_", "REDIS_URL"))},
            "DESKHAND_DATA": str(data), "DESKHAND_PORT": str(self.port), "DATABASE_URL": database, "REDIS_URL": "none",
            "DESKHAND_LOG_FORMAT": "json", **env,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> Web:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "web"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        until = time.monotonic() + patient(20)
        while True:
            try:
                if self.get("/readyz").status == 200:
                    return self
            except OSError:
                pass
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=patient(10))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def log(self) -> str:
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def complaints(self) -> list[str]:
        """Log lines that tell of something that went wrong inside."""
        return [line for line in self.log().splitlines() if '"level":"error"' in line or "Traceback" in line]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        headers: dict[str, str] | None = None,
        timeout: float = 15,
    ) -> Answer:
        """One request on a connection of its own. ``body``: bytes as they are, anything else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patient(timeout))
        head = {"Host": f"localhost:{self.port}", **(headers or {})}
        if token:
            head["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            head.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body=body, headers=head)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Answer:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any, **more: Any) -> Answer:
        return self.ask("POST", path, body, **more)

    def raw(self, data: bytes, seconds: float = 5) -> bytes:
        """Send bytes and read until the other side closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patient(seconds)) as sock:
            sock.sendall(data)
            got = b""
            try:
                while chunk := sock.recv(65536):
                    got += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return got

    def begin(self, **more: Any) -> tuple[str, str]:
        """A new REST session: ``(token, session)``."""
        answer = self.post("/api/v1/chat/session", {"site": "demo"}, **more)
        assert answer.status == 200, answer.body
        return answer.json["token"], answer.json["session"]

    def socket(self, site: str = "demo", origin: str | None = None) -> Socket:
        return Socket(self, site, self.origin if origin is None else origin)

    def visitor(self, **hello: Any) -> Socket:
        """A socket that has said hello."""
        sock = self.socket()
        sock.welcome = sock.hello(**hello)
        return sock


class Socket:
    """A WebSocket client. ``status`` is the HTTP status when the handshake was refused."""

    def __init__(self, web: Web, site: str, origin: str) -> None:
        self.web = web
        self.sock = socket.create_connection(("127.0.0.1", web.port), timeout=patient(10))
        self.ws = WSConnection(ConnectionType.CLIENT)
        headers = [(b"Origin", origin.encode())] if origin else []
        request = Request(host=f"localhost:{web.port}", target=f"/w/ws?site={site}", extra_headers=headers)
        self.sock.sendall(self.ws.send(request))
        self.frames: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}
        self.close: int | None = None
        self.status = 0
        self.partial = ""
        while not self.status:
            self._pump(patient(5))

    def _pump(self, seconds: float) -> bool:
        self.sock.settimeout(max(0.001, seconds))
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            if self.close is None:
                self.close = 1006
            return False
        self.ws.receive_data(data)
        for event in self.ws.events():
            if isinstance(event, AcceptConnection):
                self.status = 101
            elif isinstance(event, RejectConnection):
                self.status = event.status_code
            elif isinstance(event, Ping):
                self.sock.sendall(self.ws.send(event.response()))
            elif isinstance(event, TextMessage):
                self.partial += event.data
                if event.message_finished:
                    self.frames.append(json.loads(self.partial))
                    self.partial = ""
            elif isinstance(event, BytesMessage):
                raise AssertionError("the server sent a binary frame")
            elif isinstance(event, CloseConnection):
                self.close = int(event.code)
        return True

    def send(self, **frame: Any) -> None:
        self.text(json.dumps(frame))

    def text(self, data: str) -> None:
        self.sock.settimeout(patient(10))
        self.sock.sendall(self.ws.send(TextMessage(data=data)))

    def bytes(self, data: bytes) -> None:
        self.sock.settimeout(patient(10))
        self.sock.sendall(data)

    def hello(self, **more: Any) -> dict[str, Any]:
        self.send(t="hello", **{"cursor": 0, "locale": "en", **more})
        return self.take("welcome", "error")

    def take(self, *kinds: str, seconds: float = 8, **fields: Any) -> dict[str, Any]:
        """The next frame of one of these types with these fields; those before it are dropped."""
        until = time.monotonic() + patient(seconds)
        seen = []
        while True:
            while self.frames:
                frame = self.frames.pop(0)
                if frame["t"] in kinds and all(frame.get(name) == value for name, value in fields.items()):
                    return frame
                seen.append(frame)
            left = until - time.monotonic()
            assert left > 0, f"no {kinds} {fields}; got {seen}; close {self.close}"
            if not self._pump(left):
                assert self.close is None, f"closed with {self.close} after {seen}"

    def quiet(self, seconds: float = 0.4) -> list[dict[str, Any]]:
        """Everything that comes within that time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self.close is None:
            self._pump(left)
        frames, self.frames = self.frames, []
        return frames

    def closed(self, seconds: float = 8) -> int:
        """Wait for the end; returns the close code."""
        until = time.monotonic() + patient(seconds)
        while self.close is None:
            left = until - time.monotonic()
            assert left > 0, "not closed in time"
            self._pump(left)
        return self.close

    def end(self) -> None:
        self.sock.close()
