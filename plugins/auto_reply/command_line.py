"""``deskhand auto-replies``: write rules, bring them in from files, and see which one would answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot import (
    ReplyRule,
    RuleRefused,
    RuleSource,
    add_rule,
    all_sites,
    change_rule,
    command_actor,
    import_rules,
    list_rules,
    remove_rule,
    site_by_key,
)
from plugins.auto_reply.files import UnusableFile, read_rules, written
from plugins.auto_reply.matcher import Heard, Matcher

_KINDS = click.Choice(["exact", "partial", "keyword"])
_ACTIONS = click.Choice(["answer", "handoff", "choices"])
_FORMATS = click.Choice(["yaml", "csv"])


def _fields(required: bool) -> Callable[[Any], Any]:
    """The options of add and edit."""
    options = [
        click.option("--match", type=_KINDS, default="keyword" if required else None, show_default=required, help="How it fits."),
        click.option("--phrase", "phrases", multiple=True, required=required, help="What customers write. Repeat it."),
        click.option("--answer", default="" if required else None, help="What is said, in Markdown. @FILE reads a file."),
        click.option("--action", type=_ACTIONS, default="answer" if required else None, show_default=required, help="What it does."),
        click.option("--choice", "choices", multiple=True, help="A quick reply. Repeat it, up to five."),
        click.option("--source", "sources", multiple=True, help='A page to name: "Title https://…". Repeat it.'),
        click.option("--language", default="" if required else None, help="Such as de; empty: every one."),
        click.option("--site", default="" if required else None, help="Key of a site; empty: every one."),
        click.option("--priority", type=int, default=0 if required else None, help="The highest answers."),
    ]  # fmt: skip

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _given(values: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if value is not None and value != ()}
    answer = found.get("answer", "")
    if answer.startswith("@"):
        try:
            found["answer"] = Path(answer[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.ClickException(f"The file {answer[1:]} cannot be read: {error}. Nothing was changed.") from None
    if "sources" in found:
        found["sources"] = tuple(_source(text) for text in found["sources"])
    return found


def _source(text: str) -> RuleSource:
    title, _, url = text.strip().rpartition(" ")
    return RuleSource(title=title or url, url=url) if "://" in url else RuleSource(title=text.strip())


def _done(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (RuleRefused, UnusableFile) as refused:
        raise click.ClickException(str(refused)) from None


def auto_replies_command(short: int, language: str) -> click.Group:
    """The command group, with the plugin's settings."""

    @click.group("auto-replies", help="Rules that answer without the AI: write them, import them, test them.")
    def auto_replies() -> None:
        pass

    @auto_replies.command("add", help="Add a rule called NAME.")
    @click.argument("name")
    @_fields(required=True)
    def add(name: str, **values: Any) -> None:
        made = _done(lambda: add_rule(ReplyRule(name=name, **_given(values)), actor=command_actor()))
        click.echo(f"Added {made.name}. Try it: deskhand auto-replies test {made.phrases[0]!r}")

    @auto_replies.command("edit", help="Change the rule NAME; what is not given stays.")
    @click.argument("name")
    @click.option("--rename", default=None, help="A new name.")
    @_fields(required=False)
    def edit(name: str, rename: str | None, **values: Any) -> None:
        given = _given(values) | ({"name": rename} if rename is not None else {})
        if not given:
            raise click.UsageError("Say what to change. See: deskhand auto-replies edit --help")
        made = _done(lambda: change_rule(name, actor=command_actor(), **given))
        click.echo(f"Changed {made.name}.")

    @auto_replies.command("list", help="List the rules, the most used first.")
    @click.option("--site", default="", help="Only those that count at the site with this key.")
    def list_all(site: str) -> None:
        _list([rule for rule in list_rules() if not site or rule.site in ("", site)])

    @auto_replies.command("show", help="Show the rule NAME.")
    @click.argument("name")
    def show(name: str) -> None:
        _show(_one(name))

    @auto_replies.command("on", help="Switch the rule NAME on.")
    @click.argument("name")
    def on(name: str) -> None:
        made = _done(lambda: change_rule(name, actor=command_actor(), enabled=True))
        click.echo(f"{made.name} is on.")

    @auto_replies.command("off", help="Switch the rule NAME off; it is kept.")
    @click.argument("name")
    def off(name: str) -> None:
        made = _done(lambda: change_rule(name, actor=command_actor(), enabled=False))
        click.echo(f"{made.name} is off.")

    @auto_replies.command("remove", help="Remove the rule NAME.")
    @click.argument("name")
    def remove(name: str) -> None:
        _done(lambda: remove_rule(name, actor=command_actor()))
        click.echo(f"Removed {name}.")

    @auto_replies.command("import", help="Add the rules of a YAML or CSV file, or replace those of the same name.")
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--format", "kind", type=_FORMATS, default=None, help="By the file's name if it is not given.")
    @click.option("--check", is_flag=True, help="Only say what is wrong with it.")
    def import_(file: Path, kind: str | None, check: bool) -> None:
        _import(file, kind, check)

    @auto_replies.command("export", help="Write all rules to FILE, or print them.")
    @click.argument("file", type=click.Path(path_type=Path), required=False)
    @click.option("--format", "kind", type=_FORMATS, default=None, help="By the file's name if it is not given.")
    def export(file: Path | None, kind: str | None) -> None:
        text = written(list_rules(), kind or _kind(file))
        if file is None:
            click.echo(text, nl=False)
            return
        try:
            file.write_text(text, "utf-8", newline="")
        except OSError as error:
            raise click.ClickException(f"The file {file} cannot be written: {error.strerror}.") from None
        click.echo(f"Wrote {file}.")

    @auto_replies.command(
        "test", help="Show which rule would answer TEXT, why, and which others fit. Nothing is counted."
    )
    @click.argument("text")
    @click.option("--site", default="", help="Key of the site; the first one if it is not given.")
    @click.option("--language", "tag", default="", help="What the channel says of the customer's language.")
    def test(text: str, site: str, tag: str) -> None:
        found = site_by_key(site)
        if site and found is None:
            raise click.ClickException(f"No site has the key {site!r}. See: deskhand site list")
        matcher = Matcher(list_rules(), language)
        site_id = found.id if found is not None else ""
        heard = matcher.hear(text, site=site_id, language=tag, short=short)
        _explain(heard)
        fitting = {hit.rule.name for hit in heard.hits}
        for hit in matcher.hear(text, site=site_id, language=tag).hits:
            if hit.rule.name not in fitting:
                why = _why(hit.rule, hit.phrase)
                click.echo(f"would fit a shorter message (up to {short} words): {hit.rule.name}: {why}")

    return auto_replies


def _one(name: str) -> ReplyRule:
    wanted = " ".join(name.split())
    found = next((rule for rule in list_rules() if rule.name == wanted), None)
    if found is None:
        raise click.ClickException(f"There is no rule {name!r}. See: deskhand auto-replies list")
    return found


def _list(rules: Sequence[ReplyRule]) -> None:
    for rule in sorted(rules, key=lambda rule: (-rule.uses, rule.name)):
        where = " ".join(filter(None, (rule.language, rule.site))) or "everywhere"
        mark = "on " if rule.enabled else "off"
        click.echo(
            f"{mark}  {rule.uses:>6}x  {rule.match:<7}  {rule.action:<7}  {where:<14}  {rule.name}: {_line(rule.phrases)}"
        )
    click.echo(f"{len(rules)} rules.")


def _line(phrases: Sequence[str]) -> str:
    text = " | ".join(phrases)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _show(rule: ReplyRule) -> None:
    used = datetime.fromtimestamp(rule.used_at, UTC).strftime("%Y-%m-%d %H:%M UTC") if rule.used_at else "never"
    click.echo(f"{rule.name}  ({'on' if rule.enabled else 'off'}, priority {rule.priority})")
    click.echo(f"fits      {rule.match}: {' | '.join(rule.phrases)}")
    click.echo(f"where     language {rule.language or 'every one'}, site {rule.site or 'every one'}")
    click.echo(f"does      {rule.action}")
    for choice in rule.choices:
        click.echo(f"choice    {choice}")
    for source in rule.sources:
        click.echo(f"source    {source.title} {source.url}".rstrip())
    click.echo(f"used      {rule.uses:,} times, last {used}")
    if rule.answer:
        click.echo(f"\n{rule.answer}")


def _kind(file: Path | None) -> str:
    return "csv" if file is not None and file.suffix.lower() == ".csv" else "yaml"


def _import(file: Path, kind: str | None, check: bool) -> None:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise click.ClickException(f"The file {file} cannot be read: {error.strerror}. Nothing was changed.") from None
    found = _done(lambda: read_rules(raw, kind or _kind(file), [site.key for site in all_sites()]))
    for bad in found.bad:
        click.echo(f"{bad.where}: {bad.why}", err=True)
    if check:
        click.echo(f"{len(found.rules)} rules could be used, {len(found.bad)} not. Nothing was changed.")
    else:
        done = _done(lambda: import_rules(found.rules, actor=command_actor()))
        click.echo(f"{done.added} added, {done.changed} changed, {done.same} as they were, {len(found.bad)} left out.")
    if found.bad:
        sys.exit(1)


def _explain(heard: Heard) -> None:
    click.echo(f"{heard.words} words, language {heard.language or 'not known'}")
    if not heard.hits:
        click.echo("No rule fits: the AI answers.")
        return
    first, *others = heard.hits
    what = {
        "answer": "It answers.",
        "handoff": "It passes the conversation on.",
        "choices": "The AI answers, with its quick replies.",
    }
    click.echo(f"{first.rule.name} would fire: {_why(first.rule, first.phrase)}. {what[first.rule.action]}")
    if first.rule.answer:
        click.echo(f"\n{first.rule.answer}\n")
    for other in others:
        click.echo(f"also fits: {other.rule.name}: {_why(other.rule, other.phrase)}")


def _why(rule: ReplyRule, phrase: str) -> str:
    how = {"exact": "the message is", "partial": "it has the phrase", "keyword": "it has the words"}[rule.match]
    return f"{how} {phrase!r}, priority {rule.priority}"
