"""What an API key and an address may be. A key that was copied with a line break would end in a header that no library sends."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr

LONGEST = 1_000


def _checked(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if any(character in "\r\n" for character in key):
        raise ValueError("the key has a line break in it, probably from copying. Enter it again without")
    if any(character.isspace() for character in key):
        raise ValueError("the key has a blank in it, probably from copying. Enter it again without")
    if not key.isascii() or not key.isprintable():
        raise ValueError("the key has a character in it that no key has. Copy it again from where it was made")
    if len(key) > LONGEST:
        raise ValueError(f"the key is longer than {LONGEST:,} characters. Copy only the key")
    return value


Key = Annotated[SecretStr, AfterValidator(_checked)]
"""A key as a setting."""


def _address(value: str) -> str:
    value = value.strip()
    if value and (not value.startswith(("http://", "https://")) or any(character.isspace() for character in value)):
        raise ValueError("an address that starts with http:// or https://")
    return value


Address = Annotated[str, AfterValidator(_address)]
"""Where a gateway answers, as a setting; empty: the vendor itself."""
