"""``deskhand prompts``: what the AI is told and what customers are greeted with. Changed in a draft, published when it is good."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bot import (
    PromptRefused,
    PublishingStopped,
    SiteView,
    VersionView,
    all_sites,
    command_actor,
    discard_prompts,
    prompt_history,
    prompt_rules,
    prompt_version,
    prompts_of,
    publish_prompts,
    published_values,
    restore_prompts,
    set_prompt,
    site_by_key,
    site_prompts,
    unset_prompt,
)

WIDE = 88
_SITE = click.option("--site", default="", help="Key of a site; without it the installation, for all sites.")
_NOTE = click.option("--note", default="", help="What it is for, for the history.")
_ANYWAY = click.option("--anyway", is_flag=True, help="Also if the answer tests get worse by it.")
_PUBLISH = click.option("--publish", "at_once", is_flag=True, help="Publish it at once.")
_LANGUAGE = click.option("--language", default="", help="Such as de, for texts that differ by language.")


def _done(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (PromptRefused, PublishingStopped) as refused:
        raise click.ClickException(str(refused)) from None


def _site(key: str) -> SiteView | None:
    found = site_by_key(key) if key else None
    if key and found is None:
        raise click.ClickException(f"No site has the key {key!r}. See: deskhand site list")
    return found


def _id(key: str) -> str:
    found = _site(key)
    return found.id if found is not None else ""


def _to(key: str) -> str:
    return f" --site {key}" if key else ""


def prompts_command(settings: Mapping[str, Any]) -> click.Group:
    """The command group. ``settings``: the plugin's own, which count where nothing was published."""

    @click.group("prompts", help="What the AI is told and customers are greeted with: change, publish, go back.")
    def prompts() -> None:
        pass

    @prompts.command("list", help="List all values, what is in force, and where it comes from.")
    @_SITE
    def list_all(site: str) -> None:
        _list(_site(site), settings)

    @prompts.command("show", help="Show the value NAME as it is in force, or as it is in a version.")
    @click.argument("name")
    @_SITE
    @_LANGUAGE
    @click.option("--version", "number", type=int, default=None, help="Number of a version, also of the draft.")
    def show(name: str, site: str, language: str, number: int | None) -> None:
        _show(name, _site(site), language, number)

    @prompts.command("set", help="Set NAME in the draft to TEXT. @FILE reads a file, - the standard input.")
    @click.argument("name")
    @click.argument("text")
    @_SITE
    @_LANGUAGE
    @_NOTE
    @_PUBLISH
    @_ANYWAY
    def set_(name: str, text: str, site: str, language: str, note: str, at_once: bool, anyway: bool) -> None:
        value, place = _read(text), _id(site)
        made = _done(lambda: set_prompt(place, name, value, language=language, actor=command_actor(), note=note))
        _drafted(made, site, at_once, note, anyway)

    @prompts.command("unset", help="Take NAME out of the draft, or only its text in one language.")
    @click.argument("name")
    @_SITE
    @click.option("--language", default=None, help="Only this language.")
    @_NOTE
    @_PUBLISH
    @_ANYWAY
    def unset(name: str, site: str, language: str | None, note: str, at_once: bool, anyway: bool) -> None:
        place = _id(site)
        made = _done(lambda: unset_prompt(place, name, language=language, actor=command_actor(), note=note))
        _drafted(made, site, at_once, note, anyway)

    @prompts.command("edit", help="Edit the text NAME in your editor and keep it in the draft.")
    @click.argument("name")
    @_SITE
    @_LANGUAGE
    @_NOTE
    def edit(name: str, site: str, language: str, note: str) -> None:
        place = _id(site)
        rule = prompt_rules.get(name)
        now = _now(prompt_history(place))
        before = _text_of(now.get(name), language) if rule is not None else ""
        after = click.edit(before, extension=".md", require_save=True)
        if after is None or after.strip() == before.strip():
            click.echo("Nothing was changed.")
            return
        made = _done(lambda: set_prompt(place, name, after, language=language, actor=command_actor(), note=note))
        _drafted(made, site, False, note, False)

    @prompts.command("history", help="List the versions: when, by whom, and what each changed.")
    @_SITE
    def history(site: str) -> None:
        _history(prompt_history(_id(site)))

    @prompts.command("diff", help="Compare two versions; without numbers what is published with the draft.")
    @click.argument("before", type=int, required=False)
    @click.argument("after", type=int, required=False)
    @_SITE
    def diff(before: int | None, after: int | None, site: str) -> None:
        _compare(_id(site), before, after)

    @prompts.command("restore", help="Make the draft as version NUMBER was.")
    @click.argument("number", type=int)
    @_SITE
    @_NOTE
    @_PUBLISH
    @_ANYWAY
    def restore(number: int, site: str, note: str, at_once: bool, anyway: bool) -> None:
        place = _id(site)
        made = _done(lambda: restore_prompts(place, number, actor=command_actor(), note=note))
        _drafted(made, site, at_once, note, anyway)

    @prompts.command("publish", help="Publish the draft. Answer tests are asked first, if there are any.")
    @_SITE
    @_NOTE
    @_ANYWAY
    def publish(site: str, note: str, anyway: bool) -> None:
        _publish(site, note, anyway)

    @prompts.command("discard", help="Throw the draft away.")
    @_SITE
    def discard(site: str) -> None:
        gone = discard_prompts(_id(site), actor=command_actor())
        click.echo("The draft is thrown away." if gone else "There is no draft.")

    return prompts


def _read(text: str) -> str:
    if text == "-":
        return sys.stdin.read()
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"The file {text[1:]} cannot be read: {error}. Nothing was changed.") from None


def _drafted(made: VersionView, site: str, at_once: bool, note: str, anyway: bool) -> None:
    if at_once:
        _publish(site, note, anyway)
        return
    click.echo(
        f"Kept in draft {made.number}. See: deskhand prompts diff{_to(site)}   Then: deskhand prompts publish{_to(site)}"
    )


def _publish(site: str, note: str, anyway: bool) -> None:
    place = _id(site)
    made = _done(
        lambda: publish_prompts(
            place, actor=command_actor(), note=note, anyway=anyway, tell=lambda line: click.echo(line, err=True)
        )
    )
    click.echo(
        f"Version {made.number} is published. It counts from the next answer on; back: deskhand prompts restore NUMBER"
    )
    if not place:
        _tell_of_sites(made)


def _tell_of_sites(made: VersionView) -> None:
    """What a site says itself goes before what was published for all: say so, or somebody looks in vain."""
    for site in all_sites():
        own = {**site_prompts(site.settings), **published_values(site.id, own=True)}
        for name in sorted(set(own) & set(made.values)):
            click.echo(
                f"At {site.key} its own {name} counts. Change it there: deskhand prompts set {name} TEXT --site {site.key}"
            )


def _now(versions: Sequence[VersionView]) -> Mapping[str, Any]:
    """What the draft says, else what is published."""
    by_state = {one.state: one.values for one in reversed(versions)}
    return by_state.get("draft") or by_state.get("published") or {}


def _list(site: SiteView | None, settings: Mapping[str, Any]) -> None:
    place = site.id if site is not None else ""
    versions = {"": prompt_history(""), place: prompt_history(place)}
    published = {
        where: next((one for one in found if one.state == "published"), None) for where, found in versions.items()
    }
    in_force = prompts_of(place)
    everywhere = published_values(place)
    for name in prompt_rules:
        value = getattr(in_force, name)
        own, common = published[place], published[""]
        if own is not None and name in own.values:
            source = f"version {own.number}" + (f" of {site.key}" if site is not None else "")
        elif name not in everywhere and settings.get(name) not in (None, ""):
            value, source = settings[name], "setting of the plugin prompts"
        elif site is not None and value and (common is None or common.values.get(name) != value):
            source = f"settings of {site.key}"
        elif common is not None and name in common.values:
            source = f"version {common.number} of the installation"
        else:
            source = "built in"
        click.echo(f"{name:<15} {source:<28} {_line(value)}")
    for where, found in versions.items():
        draft = next((one for one in found if one.state == "draft"), None)
        if draft is not None:
            whose = f" of {site.key}" if where and site is not None else " of the installation"
            changed = ", ".join(_changes(published[where], draft)) or "nothing"
            click.echo(f"\nDraft {draft.number}{whose} changes {changed}. See: deskhand prompts diff")


def _line(value: Any) -> str:
    if value in (None, "", {}):
        return "-"
    if isinstance(value, Mapping):
        return "; ".join(f"{language or 'all'}: {_short(text, 30)}" for language, text in sorted(value.items()))
    return _short(str(value), 60)


def _short(text: str, size: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= size else f"{line[: size - 1]}…"


def _text_of(value: Any, language: str) -> str:
    if isinstance(value, Mapping):
        return str(value.get(language.lower().replace("_", "-"), ""))
    return "" if value is None else str(value)


def _show(name: str, site: SiteView | None, language: str, number: int | None) -> None:
    rule = prompt_rules.get(name)
    if rule is None:
        raise click.ClickException(f"There is no {name!r}. There are: {', '.join(prompt_rules)}.")
    place = site.id if site is not None else ""
    value = (
        getattr(prompts_of(place), name)
        if number is None
        else _done(lambda: prompt_version(place, number)).values.get(name)
    )
    if value in (None, "", {}):
        click.echo(f"{name} is not set. {rule.help}", err=True)
    elif isinstance(value, Mapping) and not language:
        for tag, text in sorted(value.items()):
            click.echo(f"[{tag or 'every other language'}]\n{text}")
    else:
        click.echo(_text_of(value, language) if isinstance(value, Mapping) else value)


def _changes(before: VersionView | None, after: VersionView) -> list[str]:
    old = before.values if before is not None else {}
    return [name for name in prompt_rules if old.get(name) != after.values.get(name)]


def _history(versions: Sequence[VersionView]) -> None:
    if not versions:
        click.echo("There is no version yet. Make one: deskhand prompts set NAME TEXT")
    for n, one in enumerate(versions):
        before = versions[n + 1] if n + 1 < len(versions) else None
        at = datetime.fromtimestamp(one.published_at or one.created_at, UTC).strftime("%Y-%m-%d %H:%M")
        changed = ", ".join(_changes(before, one)) or "nothing"
        click.echo(
            f"{one.number:>4}  {one.state:<9}  {at}  {one.author:<16}  {changed}{f'  ({one.note})' if one.note else ''}"
        )


def _compare(place: str, before: int | None, after: int | None) -> None:
    versions = prompt_history(place)
    published = next((one for one in versions if one.state == "published"), None)
    draft = next((one for one in versions if one.state == "draft"), None)
    if after is None and draft is None and (before is None or published is None):
        raise click.ClickException("There is no draft to compare with. Name two versions: deskhand prompts diff 3 4")
    old = published if before is None else _done(lambda: prompt_version(place, before))
    new = _done(lambda: prompt_version(place, after)) if after is not None else draft or published or versions[0]
    names = _changes(old, new)
    for name in names:
        was = _texts((old.values if old is not None else {}).get(name))
        is_ = _texts(new.values.get(name))
        for language in sorted(was.keys() | is_.keys()):
            lines = difflib.unified_diff(
                was.get(language, "").splitlines(), is_.get(language, "").splitlines(),
                f"{name}{f'.{language}' if language else ''} {old.number if old is not None else 0}",
                f"{name}{f'.{language}' if language else ''} {new.number}", lineterm="",
            )  # fmt: skip
            for line in lines:
                click.echo(line)
    if not names:
        click.echo("They say the same.")


def _texts(value: Any) -> Mapping[str, str]:
    return value if isinstance(value, Mapping) else {"": "" if value is None else str(value)}
