"""What cards and the beginnings of threads tell agents of a customer. Rows only; the Slack desk has its own tests."""

from __future__ import annotations

import re
from typing import Any

from bot import clock, confirmations, mail, profiles
from bot.desk import DeskPost
from bot.desk_actions import Action
from bot.messages import Inbound, Profile
from bot.receive import receive
from tests.test_desks import World, world  # noqa: F401  the fixture


def the_card(world: World) -> DeskPost:  # noqa: F811
    return [post for post in world.pump() if post.op == "card"][-1]


def leave_address(world: World, email: str) -> None:  # noqa: F811
    receive(
        [
            Inbound(
                channel="widget", key=clock.new_id(), external_id="anna", place="room", kind="contact", profile=Profile(email=email)
            )
        ]
    )  # fmt: skip


def test_a_card_says_of_an_address_whether_it_was_proved(world: World) -> None:  # noqa: F811
    leave_address(world, "anna@example.com")
    card = the_card(world).card
    assert card is not None and (card.email, card.verified) == ("anna@example.com", False)
    (asked,) = [one for one in world.store.read(mail.newest) if one.kind == "confirm"]
    found = re.search(r"/w/confirm/([\w-]+)", asked.text)
    assert found is not None and confirmations.confirm(found[1]) is not None
    card = the_card(world).card
    assert card is not None and (card.email, card.verified) == ("anna@example.com", True), "without anybody's doing"
    leave_address(world, "other@example.com")
    card = the_card(world).card
    assert card is not None and (card.email, card.verified) == ("other@example.com", False)


def test_a_thread_begins_with_who_said_what_and_says_that_there_was_more(world: World) -> None:  # noqa: F811
    (begin,) = [post for post in world.posts if post.op == "event"]
    assert [(one.author, one.text) for one in begin.lines if one.author == "customer"] == [
        ("customer", "Where is my order?")
    ]
    name = begin.lines[0].name
    assert name and begin.text.startswith(f"{name}: Where is my order?") and "**" not in begin.text
    for number in range(14):
        world.customer(f"word {number}")
    claimed = world.outbox.claim(world.conversation)
    assert claimed is not None
    world.outbox.thread_gone(claimed, "deleted")
    _, again = world.pump()
    assert [one.text for one in again.lines if one.author == "system"][
        1
    ] == "What was said before that is not shown here."
    said = [one.text for one in again.lines if one.author == "customer"]
    assert said[-1] == "word 13" and "Where is my order?" not in said
    assert again.text.endswith("word 13")


def test_agents_see_where_a_customer_writes_from_and_what_they_look_like(world: World) -> None:  # noqa: F811
    def says(**told: str) -> None:
        receive(
            [
                Inbound(
                    channel="widget", key=clock.new_id(), external_id="anna", place="room", text="Hi", profile=Profile(**told)
                )
            ]
        )  # fmt: skip

    says(page_url="https://shop.example/cart?step=2#top", picture="https://pictures.example/anna.png")
    world.pump()
    world.do("T1:ana", "action", action=Action.CLAIM)
    card = the_card(world).card
    assert card is not None and card.page_url == "https://shop.example/cart?step=2"
    says(page_url="javascript:alert(1)", picture="http://pictures.example/other.png")
    said = [post for post in world.pump() if post.op == "message"][-1]
    assert said.picture == "https://pictures.example/anna.png", "what is no plain address changes nothing"
    says(page_url="https://shop.example/help")
    world.do("T1:ana", "action", action=Action.RELEASE)
    card = the_card(world).card
    assert card is not None and card.page_url == "https://shop.example/help"


def test_the_page_is_sealed_like_the_words(world: World, environment: Any) -> None:  # noqa: F811
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    page = "https://shop.example/secret"
    receive(
        [
            Inbound(
                channel="widget", key="k", external_id="anna", place="room", text="Hi", profile=Profile(page_url=page)
            )
        ]
    )
    stored = world.row().page_url
    assert stored and "secret" not in stored
    assert world.store.read(lambda: profiles.page_of(world.conversation)) == page
