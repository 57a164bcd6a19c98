"""Takes personal data out of everything that goes to an AI provider, and has it put back into the answer for the same customer.

In its place stand names such as ``⟦EMAIL_1⟧``, the same for the same value throughout a conversation. Nothing goes to a
provider while this plugin should work and does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from bot import (
    PERSONAL_EXTRAS,
    PERSONAL_KINDS,
    PHONE_REGIONS,
    PluginInfo,
    Prompt,
    Settings,
    TurnContext,
    compile_patterns,
    hookimpl,
    mask_in_logs,
    setting,
)

from .shield import Shield, shield_of

if TYPE_CHECKING:
    import click

PLUGIN = PluginInfo(
    title="Personal data shield",
    summary="AI providers see names in place of addresses, phone, card and account numbers and keys; customers see them whole.",
    on=True,
    required=True,
)
_REGION = re.compile(r"[A-Z]{2}")
Kind = Literal["email", "phone", "card", "iban", "key", "ip", "id"]


def _checked_regions(regions: list[str]) -> list[str]:
    for region in regions:
        if not _REGION.fullmatch(region):
            raise ValueError(f"{region!r} is no country. Write two capital letters, such as DE, several with commas.")
    return regions


def _checked_patterns(patterns: dict[str, str]) -> dict[str, str]:
    compiled = compile_patterns(patterns, taken=frozenset((*PERSONAL_KINDS, *PERSONAL_EXTRAS)))
    mask_in_logs(compiled)  # settings are checked in every process, and the logs of each shall leave these out
    return patterns


class ShieldSettings(Settings):
    """What is looked for, and what is everybody's to know."""

    kinds: list[Kind] = setting(
        [kind.lower() for kind in PERSONAL_KINDS],
        label="Kinds",
        help="email, phone, card, iban and key (secrets, tokens, passwords); also possible: ip, id (German tax ids, US social security).",
    )
    regions: Annotated[list[str], AfterValidator(_checked_regions)] = setting(
        list(PHONE_REGIONS),
        max_length=12,
        label="Countries",
        help="Where phone numbers without a country code may be of.",
    )
    patterns: Annotated[dict[str, str], AfterValidator(_checked_patterns)] = setting(
        {},
        label="Own patterns",
        help='Regular expressions by name, as JSON: {"customer_no": "KD-\\\\d{6}"}. No endless repeats.',
    )
    public: list[str] = setting(
        [],
        max_length=200,
        label="Public",
        help="What stays as it is, such as your own addresses and numbers; @shop.example for all addresses there.",
    )
    articles: bool = setting(
        False, label="Articles", help="Take it out of the help articles, too. They are public, so usually it stays."
    )

    pictures: bool = setting(
        True,
        label="Pictures",
        help="Models may look at customers' pictures, in which nothing can be taken out. Off: the assistant says that it cannot.",
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return ShieldSettings


@hookimpl
def before_ai(settings: ShieldSettings, prompt: Prompt, turn: TurnContext) -> Prompt:
    if not settings.pictures and any(message.images for message in prompt.messages):
        messages = tuple(replace(message, images=()) for message in prompt.messages)
        prompt = replace(prompt, messages=messages, unseen=prompt.pictures)
    return _shield(settings).prompt(prompt, turn.conversation_id, articles=settings.articles)


@hookimpl
def commands(settings: ShieldSettings) -> Sequence[click.Command]:
    from .command_line import shield_command

    return [shield_command(_shield(settings))]


@hookimpl
def mask_text(settings: ShieldSettings, text: str) -> str:
    return _shield(settings).mask(text)


@hookimpl
def health_check(settings: ShieldSettings) -> str:
    """Look for one of each kind."""
    shield = _shield(settings)
    probes = {
        "email": "anna@example.com",
        "phone": "+49 30 901820",
        "card": "4111 1111 1111 1111",
        "iban": "DE89370400440532013000",
    }
    for kind, probe in probes.items():
        if kind in settings.kinds and shield.detector.mask(probe) == probe:
            raise RuntimeError(f"It does not find {probe!r}.")
    return f"looks for {', '.join([*settings.kinds, *settings.patterns])}"


def _shield(settings: ShieldSettings) -> Shield:
    patterns = tuple(sorted(settings.patterns.items()))
    return shield_of(tuple(settings.kinds), tuple(settings.regions), patterns, tuple(settings.public))
