"""Addresses: of people, of the team, and of the mail server."""

from __future__ import annotations

from typing import Any

import pytest

from bot import mail
from bot.addresses import Address, address_problem, parse_addresses, parse_server
from bot.config import ConfigError, load_config
from tests.mail.conftest import Made, put, run

# aiosmtpd does not know that the connection it is given is encrypted already (smtps).
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.mark.parametrize(
    "to",
    ["a@b>, <c@d", "anna@example.com, bob@example.com", "<anna@example.com>", "anna", "@example.com", "anna@", 'a"b@example.com',
     "anna@exa mple.com", "a@b@c", "anna@example.com ORCPT=rfc822", "x" * 65 + "@example.com", "anna@" + "x" * 255],
)  # fmt: skip
def test_what_is_no_single_address_is_refused(store: Any, to: str) -> None:
    with pytest.raises(mail.MailRefused, match="no mail address"):
        put(store, to=to)


def test_an_address_beyond_ascii_goes_to_a_server_that_takes_it(store: Any, server: Made) -> None:
    made = server()
    assert run(store, put(store, to="änna@bücher.example")).state == "sent"
    assert made.mails[0].to == ["änna@bücher.example"]


def test_the_address_of_the_server_is_read_whole() -> None:
    one = parse_server("smtp://desk%40shop.example:p%2Fw@mail.example?ca=/etc/ca.pem")
    assert (one.host, one.port, one.security, one.user, one.password, one.ca) == (
        "mail.example", 587, "starttls", "desk@shop.example", "p/w", "/etc/ca.pem",
    )  # fmt: skip
    assert parse_server("smtps://mail.example").port == 465
    assert parse_server("smtp://mail.example?starttls=off").port == 25
    assert "p/w" not in repr(one)


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://mail.example", "must begin with smtp"), ("smtp://", "must name a host"), ("smtp://u:p@mail.example?starttls=off", "never sent without TLS"),
     ("smtp://mail.example?starttls=maybe", "required or off"), ("smtp://mail.example:x", "host or port"), ("smtps://mail.example?starttls=off", "from the first byte"),
     ("smtp://u:p/w@mail.example", "host or port"), ("smtp://mail.example/x", "%2F"), ("smtp://mail.example?tls=1", "the options"),
     ("smtp://u:a%0Ab@mail.example", "control characters"), ("smtp://mail.example?ca=ca.pem", "whole path")],
)  # fmt: skip
def test_a_wrong_server_address_is_one_sentence_without_the_password(environment: Any, url: str, why: str) -> None:
    environment(SMTP_URL=url)
    with pytest.raises(ConfigError) as raised:
        load_config()
    assert "SMTP_URL" in str(raised.value)
    assert why in str(raised.value)
    assert "p/w" not in str(raised.value).replace("%2F", "")


def test_addresses_of_the_team_are_read_one_by_one() -> None:
    found = parse_addresses("Team <team@shop.example>, boss@shop.example,")
    assert found == [Address("team@shop.example", "Team"), Address("boss@shop.example")]
    assert [address_problem(one) for one in found] == ["", ""]
