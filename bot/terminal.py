"""``deskhand chat``: a customer's conversation in the terminal, over the widget's own socket."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import click

from bot.config import config
from bot.messages import Source

ANSWER_SECONDS = 120.0
HELLO_SECONDS = 10.0
HELP = "Write a question. /person asks for a person, /email NAME ADDRESS leaves an address, /quit ends."


class Lost(Exception):
    """The connection is gone. The text is a sentence with the fix."""


@click.command()
@click.argument("question", required=False)
@click.option("--url", default="", help="Where Deskhand runs. Default: this machine's.")
@click.option("--site", default="", help="Key of the site. Default: the first.")
def chat(question: str | None, url: str, site: str) -> None:
    """Talk to the running assistant. With QUESTION: ask once and end."""
    settings = config()
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    address = (url or f"http://{host}:{settings.port}").rstrip("/")
    try:
        with Conversation(address, site) as talk:
            if question is not None:
                talk.ask(question)
                return
            click.echo(click.style(f"{talk.title}  ·  {HELP}", dim=True))
            while True:
                try:
                    line = click.prompt(
                        click.style("you", fg="cyan"), prompt_suffix=" › ", default="", show_default=False
                    ).strip()
                except (click.Abort, EOFError):
                    break
                if line in {"/quit", "/exit"}:
                    break
                if line:
                    talk.say(line)
    except Lost as error:
        raise click.ClickException(str(error)) from None


class Answer:
    """What was shown of one answer so far."""

    def __init__(self) -> None:
        self.turn = ""
        self.attempt = 0
        self.text = ""

    def delta(self, frame: dict[str, Any]) -> str:
        """What to print for a piece: only what is new. A higher attempt begins again."""
        if (frame["turn"], frame["attempt"]) != (self.turn, self.attempt):
            again = "\n[begins again]\n" if self.text and frame["turn"] == self.turn else ""
            self.turn, self.attempt, self.text = frame["turn"], frame["attempt"], ""
            return again + self._add(frame)
        return self._add(frame)

    def _add(self, frame: dict[str, Any]) -> str:
        known = len(self.text.encode("utf-16-le")) // 2
        new = (
            str(frame["text"])
            .encode("utf-16-le")[2 * max(0, known - int(frame["off"])) :]
            .decode("utf-16-le", "ignore")
        )
        if int(frame["off"]) > known:
            return ""  # a piece is missing: the final message brings everything
        self.text += new
        return new

    def rest(self, final: str) -> str:
        """What is missing of the final text; all of it if something else was shown."""
        shown, self.text = self.text, ""
        if final.startswith(shown):
            return final[len(shown) :]
        return f"\n[corrected]\n{final}"


class Conversation:
    """One visitor, one conversation, one socket."""

    def __init__(self, address: str, site: str) -> None:
        self.address, self.site = address, site
        self.id = ""
        self.title = "Deskhand"
        self.cursor = 0
        self.shown: set[str] = set()
        self.choices: list[str] = []
        self._socket: Any = None

    def __enter__(self) -> Conversation:
        from websockets.exceptions import InvalidHandshake, InvalidURI
        from websockets.sync.client import connect

        target = f"{self.address.replace('http', 'ws', 1)}/w/ws?site={self.site}"
        try:
            self._socket = connect(target, origin=self.address, open_timeout=HELLO_SECONDS, compression=None)  # type: ignore[call-overload]
        except (OSError, InvalidHandshake, InvalidURI) as error:
            reason = str(error) or type(error).__name__
            raise Lost(
                f"Deskhand cannot be reached at {self.address} ({reason}). Start it with: deskhand run"
            ) from None
        self._send({"t": "hello", "cursor": 0})
        welcome = next(frame for frame in self._frames(HELLO_SECONDS) if frame["t"] in {"welcome", "error"})
        if welcome["t"] == "error":
            raise Lost(welcome["message"])
        self.title = welcome["site"].get("title") or welcome["site"].get("name") or self.title
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def say(self, line: str) -> None:
        """Do what a line asks for: a command, a choice by its number, or a message."""
        if line == "/help":
            click.echo(HELP)
        elif line == "/person":
            self._request({"t": "handoff"})
        elif line.startswith("/email "):
            name, _, email = line.removeprefix("/email ").strip().rpartition(" ")
            self._request({"t": "contact", "name": name, "email": email})
        elif line.isdigit() and 0 < int(line) <= len(self.choices):
            self.ask(self.choices[int(line) - 1])
        else:
            self.ask(line)

    def ask(self, text: str) -> None:
        """Send a message and print the answer as it comes, with its sources."""
        answer = Answer()
        if not self._exchange({"t": "send", "text": text}, answer):
            return
        state = "ai"
        for frame in self._frames(ANSWER_SECONDS):
            if frame["t"] == "delta":
                click.echo(printable(answer.delta(frame)), nl=False)
            elif frame["t"] == "msgs":
                state = frame["state"]
                if self._show(frame, answer) or state != "ai":
                    return
            elif frame["t"] == "error" and not frame.get("cid"):
                click.echo(frame["message"], err=True)
        click.echo("No answer came in time. The question is stored; the answer will be in the conversation.", err=True)

    def _request(self, frame: dict[str, Any]) -> None:
        if not self.id:
            click.echo("Ask something first.", err=True)
            return
        before = len(self.shown)
        if not self._exchange(frame, Answer()) or len(self.shown) > before:
            return  # refused, or the reply came before the receipt
        for news in self._frames(HELLO_SECONDS):
            if news["t"] == "msgs" and self._show(news, Answer()):
                return

    def _exchange(self, frame: dict[str, Any], answer: Answer) -> bool:
        """Send one frame and wait until it is stored; False: it was refused, and why was told."""
        cid = os.urandom(16).hex()
        self._send({**frame, "cid": cid} | ({"conv": self.id} if self.id else {}))
        for reply in self._frames(HELLO_SECONDS):
            if reply.get("cid") == cid and reply["t"] == "ack":
                self.id = reply["conv"]
                return True
            if reply.get("cid") == cid and reply["t"] == "error":
                click.echo(reply["message"], err=True)
                return False
            if reply["t"] == "msgs":
                self._show(reply, answer)
        raise Lost("No receipt came: the message may not be stored. Try again.")

    def _show(self, frame: dict[str, Any], answer: Answer) -> bool:
        """Print what is new; whether the other side said something."""
        self.id = self.id or frame["conv"]
        if frame["conv"] != self.id:
            return False
        if frame["after"] > self.cursor:
            self._send({"t": "pull", "conv": self.id, "cursor": self.cursor})
            return False
        self.cursor = max(self.cursor, frame["cursor"])
        said = False
        for message in frame["msgs"]:
            if message["id"] in self.shown or message["author"] == "customer" or message.get("deleted"):
                continue
            self.shown.add(message["id"])
            said = True
            text = (
                answer.rest(message["text"]) if message.get("turn") == answer.turn and answer.turn else message["text"]
            )
            style: Callable[[str], str] = (
                (lambda words: click.style(words, dim=True)) if message["author"] == "system" else str
            )
            click.echo(style(printable(text)))
            for source in message.get("sources") or ():
                shown = Source(
                    n=source["n"],
                    passage_id="",
                    title=source["title"],
                    heading=source.get("heading") or "",
                    updated=source.get("updated") or "",
                )
                line = f"  [{shown.n}] {printable(shown.label())}  {source.get('url') or ''}"
                click.echo(click.style(line.rstrip(), dim=True))
            self.choices = list(message.get("choices") or ())
            for number, choice in enumerate(self.choices, 1):
                click.echo(click.style(f"  {number}  {choice}", fg="cyan"))
        return said

    def _send(self, frame: dict[str, Any]) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._socket.send(json.dumps(frame))
        except ConnectionClosed as error:
            raise Lost(f"The connection is gone ({error}). Start again.") from None

    def _frames(self, seconds: float) -> Iterator[dict[str, Any]]:
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                raw = self._socket.recv(timeout=seconds)
            except TimeoutError:
                return
            except ConnectionClosed as error:
                raise Lost(f"The connection is gone ({error}). Your messages are stored. Start again.") from None
            yield json.loads(raw)


def printable(text: str) -> str:
    """A text from outside must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "" for c in text)
