"""Pictures of a customer reach a model that sees, small enough and only as many as make sense; nobody pretends to have seen one."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image as Drawn

from bot import clock, files, lease, pictures, seeing
from bot.ai import AICapability
from bot.fleet import Fleet
from bot.messages import Attachment, Inbound, MessageView, Receipt
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.store.statements import last_messages
from bot.turns_process import Pool
from tests.fakes.llm import FakeLLM, Script
from tests.fleet.test_line_up import Named
from tests.patience import wait_for
from tests.test_files import png
from tests.test_turns_process import answers

SEER = Fleet([Named("eyes", AICapability.VISION)])
BLIND = Fleet([Named("blind")])


def picture(width: int, height: int, form: str = "PNG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Drawn.effect_noise((width, height), 80).convert(mode).save(out, form)
    return out.getvalue()


def moving() -> bytes:
    out = io.BytesIO()
    first, second = Drawn.new("RGB", (50, 40), "red"), Drawn.new("RGB", (50, 40), "blue")
    first.save(out, "GIF", save_all=True, append_images=[second], duration=100)
    return out.getvalue()


def opened(content: bytes) -> Any:
    return Drawn.open(io.BytesIO(content))


# Made small -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "media"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_what_fits_goes_as_it_is(form: str, media: str) -> None:
    content = picture(300, 200, form)
    assert pictures.shrink(content, 1_568) == (media, content)


def test_what_is_too_large_is_made_smaller_and_keeps_its_shape() -> None:
    media, content = pictures.shrink(picture(4_000, 1_000), 1_568)
    assert media == "image/jpeg" and opened(content).size == (1_568, 392)
    media, content = pictures.shrink(picture(1_500, 1_500), 1_568, 1_200_000)
    assert media == "image/jpeg" and len(content) <= 1_200_000


def test_what_cannot_be_seen_through_is_on_white() -> None:
    out = io.BytesIO()
    Drawn.new("RGBA", (2_000, 10), (255, 0, 0, 0)).save(out, "PNG")
    _, content = pictures.shrink(out.getvalue(), 1_568)
    assert min(opened(content).getpixel((100, 3))) > 250


def test_of_moving_pictures_the_first_frame_is_shown() -> None:
    media, content = pictures.shrink(moving(), 1_568)
    assert media == "image/jpeg"
    red, _, blue = opened(content).getpixel((25, 20))
    assert red > 200 and blue < 60


@pytest.mark.parametrize("content", [b"", b"not a picture", png()[:60], b"%PDF-1.7"])
def test_what_is_no_picture_is_said(content: bytes) -> None:
    with pytest.raises(pictures.BadPicture):
        pictures.shrink(content, 1_568)


# Which of them --------------------------------------------------------------------------------------------------------


@pytest.fixture
def site(store: Any) -> None:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))


def say(text: str, *contents: bytes) -> str:
    attachments = tuple(Attachment(name=f"p{n}.png", content=content) for n, content in enumerate(contents))
    got = receive(
        [Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text=text, files=attachments)]
    )[0]
    assert isinstance(got, Receipt)
    return got.conversation_id


def history(store: Any, conversation: str) -> list[MessageView]:
    found: list[MessageView] = store.read(lambda: last_messages(conversation, 1_000, 50, bare=True))
    return found


def test_at_most_four_go_the_newest_of_what_is_asked_first(store: Any, site: None) -> None:
    say("before", *[png(10 + n, 10) for n in range(3)])
    conversation = say("now", *[png(20 + n, 10) for n in range(3)])
    before, now = history(store, conversation)
    seen = seeing.look([before, now], [now], SEER)
    assert (seen.asked, seen.unseen, seen.shown) == (3, 0, 3)
    assert [opened(image.data).width for image in seen.images[now.id]] == [20, 21, 22]
    assert [opened(image.data).width for image in seen.images[before.id]] == [12]


def test_what_is_too_many_is_counted_as_unseen(store: Any, site: None) -> None:
    conversation = say("now", *[png(20 + n, 10) for n in range(5)])
    (now,) = history(store, conversation)
    seen = seeing.look([now], [now], SEER)
    assert (seen.asked, seen.unseen, seen.nothing) == (5, 1, False)
    assert [opened(image.data).width for image in seen.images[now.id]] == [21, 22, 23, 24]


def test_without_anybody_who_sees_no_byte_is_read(store: Any, site: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (now,) = history(store, say("now", png()))
    monkeypatch.setattr(files, "load", lambda file_id: pytest.fail("it was read"))
    seen = seeing.look([now], [now], BLIND)
    assert (seen.asked, seen.unseen, seen.nothing, seen.images) == (1, 1, True, {})


def test_what_is_gone_or_broken_on_the_disk_is_unseen(store: Any, site: None) -> None:
    (now,) = history(store, say("now", png(), png(50, 50)))
    first, second = sorted(files.folder().rglob("*/*/*"))
    first.unlink()
    second.write_bytes(b"something else")
    seen = seeing.look([now], [now], SEER)
    assert (seen.asked, seen.unseen, seen.nothing) == (2, 2, True)


def test_only_pictures_of_the_customer_that_are_there_are_looked_at(store: Any, site: None) -> None:
    (now,) = history(store, say("now", b"no picture at all"))
    assert seeing.look([now], [now], SEER) is seeing.NONE
    assert "data=" not in repr(seeing.Image(media="image/png", data=b"SECRET"))


# In a turn ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pool(store: Any, site: None, environment: Callable[..., None], llm: FakeLLM) -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def start(**settings: str) -> Pool:
        environment(**settings)
        lease.start("turns")
        registry = load_plugins("turns")
        made.append(Pool(4, registry))
        registry.on_overdue = made[0].on_overdue
        return made[0]

    yield start
    for one in made:
        one.drain()
    forget_plugins()


def openai_of(llm: FakeLLM) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": llm.openai_url}


def blind_of(llm: FakeLLM) -> dict[str, str]:
    return {"DESKHAND_COMPATIBLE_URL": llm.openai_url, "DESKHAND_COMPATIBLE_MODEL": "small"}


def ask(pool: Pool, text: str, *contents: bytes) -> None:
    pool.on_wake(say(text, *contents).encode())


def test_a_model_that_sees_is_shown_the_picture_and_its_answer_stands(
    store: Any, pool: Callable[..., Pool], llm: FakeLLM, capfd: pytest.CaptureFixture[str]
) -> None:
    llm.script(Script(answer="The strap of the bag is torn at the buckle 4711."))
    content = png(33, 21)
    ask(pool(**openai_of(llm)), "What is wrong with my bag?", content)
    (answer,) = wait_for(lambda: answers(store), 40)
    assert answer.body.startswith("The strap of the bag is torn at the buckle 4711.")
    assert seeing.CANNOT_SEE not in answer.body
    (request,) = llm.requests
    (part,) = [p for p in request["body"]["messages"][-1]["content"] if p["type"] == "image_url"]
    sent = base64.b64decode(part["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert opened(sent).size == (33, 21)
    logged = "".join(capfd.readouterr())
    assert part["image_url"]["url"][30:60] not in logged


def test_a_model_that_does_not_see_says_so_and_answers_the_words(
    store: Any, pool: Callable[..., Pool], llm: FakeLLM
) -> None:
    llm.script(Script(answer="Hello! How can I help you?", conclude={"confidence": 0.9}))
    ask(pool(**blind_of(llm)), "Hello", png())
    (answer,) = wait_for(lambda: answers(store), 40)
    assert answer.body.startswith(f"{seeing.CANNOT_SEE}\n\n") and "Talk to a person" in answer.extra
    for request in llm.requests:
        assert request["images"] == 0


def test_pictures_without_a_word_that_nobody_sees_ask_no_model(
    store: Any, pool: Callable[..., Pool], llm: FakeLLM
) -> None:
    ask(pool(**blind_of(llm)), "", png())
    (answer,) = wait_for(lambda: answers(store), 40)
    assert answer.body == f"{seeing.CANNOT_SEE} {seeing.ONLY_PICTURES}" and "Talk to a person" in answer.extra
    assert not llm.requests


def test_when_who_sees_fails_the_answer_is_honest(store: Any, pool: Callable[..., Pool], llm: FakeLLM) -> None:
    llm.script(
        Script(model="gpt-5.5", fault="500", times=0),
        Script(model="small", answer="Hello! How can I help you?", conclude={"confidence": 0.9}),
    )
    ask(pool(**openai_of(llm), **blind_of(llm)), "Hello", png())
    (answer,) = wait_for(lambda: answers(store), 40)
    assert answer.body.startswith(seeing.CANNOT_SEE)
    assert [(r["model"], r["images"]) for r in llm.requests][-1] == ("small", 0)


def test_a_picture_of_before_goes_along_and_a_new_question_is_no_blind_one(
    store: Any, pool: Callable[..., Pool], llm: FakeLLM
) -> None:
    llm.script(Script(answer="A red thing.", times=0, conclude={"confidence": 0.9}))
    running = pool(**openai_of(llm))
    ask(running, "What is this?", png(44, 44))
    wait_for(lambda: len(answers(store)) == 1, 40)
    ask(running, "Hello again")
    wait_for(lambda: len(answers(store)) == 2, 40)
    body = llm.requests[-1]["body"]
    kinds = [[p["type"] for p in m["content"]] if isinstance(m["content"], list) else "words" for m in body["messages"]]
    assert ["image_url", "text"] in kinds
    assert seeing.CANNOT_SEE not in answers(store)[-1].body
