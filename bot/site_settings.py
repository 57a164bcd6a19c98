"""What an admin may set for one site by name: checked here, stored with the site, counted from the next turn or page on. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ANSWERS = ("streamed", "checked")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


class SiteSettingError(ValueError):
    """A name or a value that cannot be. The text is for people; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSetting:
    """One thing that can be set."""

    help: str
    check: Callable[[str], str]
    """What is wrong with a value; empty: nothing."""
    default: str = ""


def _one_of(*values: str) -> Callable[[str], str]:
    return lambda value: "" if value in values else f"there is only {' or '.join(values)}"


def _hosts(value: str) -> str:
    wrong = next((host for host in split_hosts(value) if not _HOST.fullmatch(host)), "")
    return f"{wrong} is no host such as parcels.example" if wrong else ""


def split_hosts(value: str) -> list[str]:
    """The hosts of a list with commas or blanks."""
    return value.replace(",", " ").lower().split()


def _at_most(characters: int) -> Callable[[str], str]:
    return lambda value: (
        "" if len(value) <= characters else f"it has {len(value)} characters, and {characters} are the most"
    )


SITE_SETTINGS: Mapping[str, SiteSetting] = {
    "answers": SiteSetting(
        help="streamed: an answer is shown while it is written, and replaced if a check fails at its end. checked: nothing is shown"
        " before everything has checked it.",
        check=_one_of(*ANSWERS),
        default="streamed",
    ),
    "title": SiteSetting(help="Title of the panel.", check=_at_most(80)),
    "locale": SiteSetting(
        help="Language of the widget, such as de; empty: the visitor's.",
        check=lambda value: "" if _LOCALE.fullmatch(value) else "write it as de or pt-BR",
    ),
    "link_hosts": SiteSetting(
        help="Hosts to which answers may link when a web page of the knowledge does, such as parcels.example; its own and the site's"
        " always may. Links of your own articles need no permission.",
        check=_hosts,
    ),
    "fallback": SiteSetting(help="What is said when no answer can be had.", check=_at_most(500)),
}


def parse(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` pairs; an empty value goes back to the default. Raises :class:`SiteSettingError`, and then none counts."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            raise SiteSettingError(f"Write {pair!r} as NAME=VALUE, such as answers=checked. Nothing was changed.")
        known = SITE_SETTINGS.get(name)
        if known is None:
            raise SiteSettingError(
                f"A site has no setting {name!r}. There are: {', '.join(SITE_SETTINGS)}. Nothing was changed."
            )
        wrong = known.check(value) if value else ""
        if wrong:
            raise SiteSettingError(f"{name} cannot be {value[:60]!r}: {wrong}. Nothing was changed.")
        values[name] = value
    return values
