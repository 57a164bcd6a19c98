"""One mail to one mail server: TLS that is checked, AUTH, and an outcome that says whether it certainly was not sent.

After the final dot the server may have the mail although its answer never came (RFC 1047): that is :class:`Unsure`, and only
that. Everything before it is :class:`Later` or, when the server refused this very mail for good, :class:`Never`.
"""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from bot.addresses import LOOPBACK, Address, Server, is_one_line, one_line

CONNECT = 10.0
ANSWER = 30.0
"""Seconds for each answer of the server, also for the one after the final dot."""


class Later(Exception):
    """Certainly not sent; another attempt may work. ``ours``: it lies with the server or the settings, not with this mail."""

    def __init__(self, reason: str, *, ours: bool = False) -> None:
        super().__init__(one_line(reason, 400))
        self.ours = ours


class Never(Exception):
    """The server refused this mail for good: another attempt changes nothing."""


class Unsure(Exception):
    """Everything was sent and no answer came: perhaps it has the mail."""


class HeaderRefused(ValueError):
    """A header would hold a line end. Nothing was stored or sent."""


def compose(
    *,
    sender: Address,
    to: Address,
    subject: str,
    message_id: str,
    at: float,
    text: str,
    html: str,
    before: Sequence[str] = (),
) -> EmailMessage:
    """Make the message. ``before``: the Message-IDs of its thread, oldest first.

    Raises :class:`HeaderRefused` for a line end where none may be (never silently folded away).
    """
    from datetime import UTC, datetime

    for what, value in (("subject", subject), ("address", to.address), ("sender", sender.address), ("name", sender.name + to.name),
                        ("Message-ID", message_id)):  # fmt: skip
        if not is_one_line(value):
            raise HeaderRefused(f"The {what} of a mail holds a line end or another control character; it was refused.")
    # 7 bits: a server without 8BITMIME changes nothing on the way.
    policy = SMTP if sender.is_ascii and to.is_ascii else SMTPUTF8
    message = EmailMessage(policy=policy.clone(cte_type="7bit"))
    message["From"] = _header(sender)
    message["To"] = _header(to)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    message["Message-ID"] = message_id
    if before:
        message["In-Reply-To"] = before[-1]
        message["References"] = " ".join(before)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_clean(text))
    if html:
        message.add_alternative(_clean(html), subtype="html")
        # The same bytes on every attempt.
        message.set_boundary("part-" + re.sub(r"[^0-9A-Za-z]", "", message_id)[:40])
    return message


def _header(one: Address) -> HeaderAddress:
    user, _, domain = one.address.rpartition("@")
    return HeaderAddress(one.name, user, domain)


def _clean(text: str) -> str:
    # A lone surrogate cannot be encoded; a NUL or a bare CR is against RFC 5321.
    return re.sub("[\x00\x0b\x0c\x1c-\x1e\x7f\ud800-\udfff]", "", text.replace("\r\n", "\n").replace("\r", "\n"))


class Connection:
    """A session with the server, up to the moment before the mail. Use it as a context manager; raises :class:`Later`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Connection:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye if somebody is there; never raises for a server that is not."""
        if self._smtp is None:
            return
        try:
            _wait_at_most(self._smtp, 2.0)
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()
        self._smtp = None

    def _open(self) -> None:
        server = self.server
        try:
            context = ssl.create_default_context(cafile=server.ca or None)
            if server.security == "tls":
                self._smtp = smtplib.SMTP_SSL(
                    server.host, server.port, local_hostname=_own_name(), timeout=CONNECT, context=context
                )
            else:
                self._smtp = smtplib.SMTP(server.host, server.port, local_hostname=_own_name(), timeout=CONNECT)
            _wait_at_most(self._smtp, ANSWER)
            self._smtp.ehlo_or_helo_if_needed()
            if server.security == "starttls":
                self._start_tls(self._smtp, context)
            if server.user:
                self._sign_in(self._smtp)
        except ssl.SSLCertVerificationError as error:
            raise Later(f"the certificate of {server.host} is not trusted: {error.verify_message}", ours=True) from None
        except smtplib.SMTPResponseException as error:
            raise Later(f"{server.host} does not serve: {_said(error)}", ours=True) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Later(f"{server.host}:{server.port} cannot be reached: {_why(error)}", ours=True) from None

    def _start_tls(self, smtp: smtplib.SMTP, context: ssl.SSLContext) -> None:
        if not smtp.has_extn("starttls"):
            raise Later(f"{self.server.host} offers no STARTTLS, and without it nothing is sent", ours=True)
        smtp.starttls(context=context)
        smtp.ehlo()

    def _sign_in(self, smtp: smtplib.SMTP) -> None:
        if self.server.security == "off" and self.server.host not in LOOPBACK:
            raise Later("a password is never sent without TLS", ours=True)
        user, password = self.server.user, self.server.password
        try:
            if (user + password).isascii():
                smtp.login(user, password)
            else:  # smtplib knows ASCII only; PLAIN is UTF-8 (RFC 4616)
                _sign_in_plain(smtp, user, password)
        except smtplib.SMTPNotSupportedError:
            raise Later(f"{self.server.host} takes no user and password here", ours=True) from None
        except smtplib.SMTPAuthenticationError as error:
            # Another password may be set: that is no verdict on the mail.
            raise Later(f"{self.server.host} refused user or password ({error.smtp_code})", ours=True) from None

    def send(self, message: EmailMessage, sender: Address, to: Address) -> str:
        """Hand the mail over; returns what the server said. Raises :class:`Later`, :class:`Never` or :class:`Unsure`."""
        smtp = self._smtp
        if smtp is None:
            raise RuntimeError("enter the connection first")
        options: list[str] = []
        if not (sender.is_ascii and to.is_ascii):
            if not smtp.has_extn("smtputf8"):
                raise Never("the server takes no addresses with letters beyond ASCII")
            options = ["SMTPUTF8", "BODY=8BITMIME"]
            smtp.command_encoding = "utf-8"
        body = re.sub(rb"(?m)^\.", b"..", message.as_bytes())
        try:
            _judge(*smtp.mail(sender.address, options))
            _judge(*smtp.rcpt(to.address))
            code, said = smtp.docmd("DATA")
            if code != 354:
                _judge(code, said)
            smtp.send(body + (b"" if body.endswith(b"\r\n") else b"\r\n"))
        except (OSError, smtplib.SMTPException) as error:
            # The final dot has not left: the server must throw away what it has.
            raise Later(f"the connection ended before the mail was complete: {_why(error)}", ours=True) from None
        try:
            smtp.send(b".\r\n")
            code, said = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise Unsure(f"the connection ended after the mail and before its answer: {_why(error)}") from None
        _judge(code, said)
        return one_line(said.decode("utf-8", "replace"), 200)


def _sign_in_plain(smtp: smtplib.SMTP, user: str, password: str) -> None:
    if "PLAIN" not in smtp.esmtp_features.get("auth", "").split():
        raise smtplib.SMTPNotSupportedError
    token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    code, said = smtp.docmd("AUTH", f"PLAIN {token}")
    if code not in {235, 503}:
        raise smtplib.SMTPAuthenticationError(code, said)


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _judge(code: int, said: bytes) -> None:
    if 200 <= code < 400:
        return
    words = f"{code} {one_line(said.decode('utf-8', 'replace'), 300)}"
    if 500 <= code < 600 and code not in {521, 530, 535, 538}:
        raise Never(words)
    # 530, 535, 538: sign in first; 521: serves no mail. These are about us.
    raise Later(words, ours=code in {421, 521, 530, 535, 538})


def _said(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"{error.smtp_code} {one_line(text, 300)}"


def _why(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__, 200)


def _own_name() -> str:
    """Our name for EHLO, without a look-up in the network."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]{1,200}", name) else "localhost"
