"""A real mail server on loopback (aiosmtpd) with STARTTLS, AUTH and scripted trouble. What it took is in ``mails``.

In a test::

    with FakeMail() as server:
        server.script("451 try later", "drop after the dot", "accept")
        ... SMTP_URL=server.url ...
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "desk", "p/w ü#1"


@dataclass
class Taken:
    """A mail that the server has: whatever became of its answer."""

    raw: bytes
    sender: str
    to: list[str]
    tls: bool
    user: str
    at: float = field(default_factory=time.time)

    @property
    def message(self) -> EmailMessage:
        return cast("EmailMessage", message_from_bytes(self.raw, policy=policy.default))

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")

    @property
    def html(self) -> str:
        body = self.message.get_body(("html",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


class _Handler:
    """Answers as scripted: one step for each mail, at the command that the step names."""

    def __init__(self, fake: FakeMail) -> None:
        self.fake = fake

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.fake.begun += 1
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        envelope.step = self.fake._next()  # type: ignore[attr-defined]
        return _step(envelope, "MAIL") or "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = _step(envelope, "RCPT")
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        step = cast("str", envelope.step)  # type: ignore[attr-defined]
        self.fake.at_dot.set()
        if step == "hang after the dot":
            while not self.fake.released.is_set() and not server.transport.is_closing():
                await asyncio.sleep(0.02)
        if step == "drop after the dot, lost":
            server.transport.abort()
            return "250 never heard"
        if step[:1].isdigit():
            return step
        content = envelope.original_content or b""
        user = session.auth_data.decode() if isinstance(session.auth_data, bytes) else ""
        self.fake.mails.append(
            Taken(
                content,
                envelope.mail_from or "",
                list(envelope.rcpt_tos),
                session.ssl is not None or self.fake.tls == "tls",
                user,
            )
        )
        if step == "drop after the dot":
            server.transport.abort()
        return "250 OK"


def _step(envelope: Envelope, command: str) -> str:
    step = cast("str", envelope.step)  # type: ignore[attr-defined]
    return step.removeprefix(f"{command} ") if step.startswith(f"{command} ") else ""


class FakeMail:
    """``tls``: ``starttls``, ``tls`` or ``off``. With ``auth`` only :data:`USER` may send."""

    def __init__(
        self, folder: Path | None = None, *, tls: str = "off", auth: bool = False, trusted: str = "localhost"
    ) -> None:
        self.mails: list[Taken] = []
        self.begun = 0
        self.at_dot, self.released = threading.Event(), threading.Event()
        self._steps: deque[str] = deque()
        self.tls, self.auth = tls, auth
        self.ca = ""
        context = None
        if tls != "off":
            assert folder is not None
            self.ca = str(folder / "mail.pem")
            certificate(Path(self.ca), trusted)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca)
        options: dict[str, Any] = {"hostname": "127.0.0.1", "port": _free_port(), "ready_timeout": 10}
        if tls == "tls":
            options["ssl_context"] = context
        elif context is not None:
            options |= {"tls_context": context, "require_starttls": True}
        if auth:
            options |= {"authenticator": self._check, "auth_required": True, "auth_require_tls": tls == "starttls"}
        self._controller = Controller(_Handler(self), server_hostname="mail.test", enable_SMTPUTF8=True, **options)

    def _check(self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        good = given.login == USER.encode() and given.password == PASSWORD.encode()
        return AuthResult(success=good, handled=False, auth_data=given.login if good else None)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @property
    def url(self) -> str:
        from urllib.parse import quote

        user = f"{USER}:{quote(PASSWORD, safe='')}@" if self.auth else ""
        if self.tls == "off":
            return f"smtp://{user}localhost:{self.port}?starttls=off"
        return f"{'smtps' if self.tls == 'tls' else 'smtp'}://{user}localhost:{self.port}?ca={self.ca}"

    def script(self, *steps: str) -> None:
        """One step for each mail that comes: ``accept``, an answer at the end such as ``451 later``, one at a command such as
        ``RCPT 550 unknown``, ``drop after the dot`` (it has the mail), ``drop after the dot, lost``, ``hang after the dot``.
        """
        self._steps.extend(steps)

    def _next(self) -> str:
        return self._steps.popleft() if self._steps else "accept"

    def __enter__(self) -> FakeMail:
        self._controller.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.released.set()
        with contextlib.suppress(AssertionError):
            self._controller.stop()


def _free_port() -> int:
    from tests.ports import free_port

    return free_port()


def certificate(path: Path, host: str) -> None:
    """A self-made certificate with its key, for one host."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
