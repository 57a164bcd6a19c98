"""``deskhand knowledge`` as an admin types it, and sources that the worker reads by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import audit, edit_article, list_articles, list_sources, passages_of
from bot.plugins import forget_plugins
from tests.commanding import command
from tests.fakes.website import Website
from tests.patience import wait_for
from tests.running import Deskhand

LONG = "It takes three to five working days until the money is on your card again, whatever the reason was."


@pytest.fixture
def say(store: Any, environment: Callable[..., None], make_site: Callable[[str], str]) -> Iterator[Callable[..., Any]]:
    environment(DESKHAND_ALLOWED_CIDRS="127.0.0.0/8", DESKHAND_KNOWLEDGE_SAMPLE="false")
    make_site("shop")
    yield lambda *arguments, **more: command(store, "knowledge", *arguments, **more)
    forget_plugins()
    environment(DESKHAND_ALLOWED_CIDRS=None, DESKHAND_KNOWLEDGE_SAMPLE=None)


def test_a_table_from_adding_to_removing(say: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nHow long?,Three days.\nBroken?,\n")
    added = say(
        "add", str(path), "--site", "shop", "--language", "en", "--visibility", "internal", "--every", "6h", "--wait"
    )
    assert added.exit_code == 0
    assert f"Added {path} (table)." in added.output
    assert "1 added" in added.output
    assert "row 3 was left out: it has no answer" in added.output
    (view,) = list_sources()
    assert (view.site, view.language, view.visibility, view.every, view.created_by[:3]) == (
        "id-shop",
        "en",
        "internal",
        21_600,
        "cli",
    )
    (article,) = list_articles()
    assert (article.visibility, article.site, passages_of([article.id])) == ("internal", "id-shop", [])

    shown = say("sources").output
    assert f"every 6h   {path}, for agents only" in shown
    assert "1 left out" in shown
    assert f"{article.id[:8]}" in say("list").output
    assert "(for agents only)" in say("list", "--source", str(path)).output

    path.write_text("question,answer\nHow long?,Four days.\n")
    again = say("sync", str(path))
    assert (again.exit_code, "1 changed" in again.output) == (0, True)
    path.write_text("question,answer\nHow long?,\n")
    assert say("sync", view.id[-8:]).exit_code == 1

    refused = say("remove", str(path), text="n\n")
    assert (refused.exit_code, len(list_sources())) == (1, 1)
    assert "Their versions can still be restored" in say("remove", str(path), "--yes").output
    assert (list_sources(), list_articles()) == ([], [])
    assert [entry.action for entry in audit.entries(limit=2)] == ["source.remove", "source.add"]


def test_versions_are_shown_and_restored(say: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    for days in ("Three", "Four"):
        path.write_text(f"question,answer\nHow long?,{days} days.\n")
        say("sync", str(path)) if list_sources() else say("add", str(path), "--wait")
    (article,) = list_articles()
    history = say("history", "How long?").output
    assert re.search(r"^ +2  live .*\n +1  old ", history, re.MULTILINE)
    assert "Four days." in say("show", article.id[:8]).output
    assert "Three days." in say("show", article.path, "--version", "1").output
    restored = say("restore", "how long?", "1")
    assert "That is version 3; its source does not replace it." in restored.output
    assert "Three days." in say("show", article.id).output
    assert "reviewed by cli" in say("show", article.id).output
    path.write_text("question,answer\nHow long?,Five days.\n")
    assert "1 to be reviewed" in say("sync", str(path)).output
    assert "Three days." in say("show", article.id).output
    for arguments, match in (
        (("show", "nothing"), "There is no article nothing"), (("restore", article.id, "9"), "has no version 9"),
        (("show", article.id, "--version", "77"), "has no version 77"),
    ):  # fmt: skip
        result = say(*arguments)
        assert (result.exit_code, match in result.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("add", "nonsense"), "nonsense is nothing that can be read"),
        (("add", "ftp://x.example/"), "is nothing that can be read"),
        (("add", "http://10.0.0.1/"), "10.0.0.1, which is not a public address"),
        (("add", "http://localhost:1/"), "could not be reached|not a public address"),
        (("add", "http://no-such-host.invalid/"), "no host called no-such-host.invalid"),
        (("add", "/no/such.pdf"), "No such file"),
        (("add", "/tmp", "--every", "often"), "often is no time such as 30m"),
        (("add", "/tmp", "--every", "1m"), "5 minutes are the least"),
        (("add", "/tmp", "--site", "shoop"), "There is no site shoop. There are: shop"),
        (("add", "/tmp", "--language", "English please"), "is no language such as en"),
        (("remove", "nothing", "--yes"), "There is no source nothing"),
        (("sync", "nothing"), "There is no source nothing"),
        (("list", "--source", "nothing"), "There is no source nothing"),
        (("export", "--site", "shoop"), "There is no site shoop"),
    ],
)
def test_wrong_words_are_refused_with_a_sentence(
    say: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...], match: str
) -> None:
    (tmp_path / "a.md").write_text("# A\n\nText.")
    result = say(*(str(tmp_path) if one == "/tmp" else one for one in arguments))
    assert result.exit_code in {1, 2}
    assert re.search(match, result.output), result.output
    assert "Traceback" not in result.output
    assert list_sources() == []


def test_everything_is_exported_and_can_be_read_again(say: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    rows = ["question,answer,language,url", 'How: "long"?,Three days — always.,en,https://shop.example/a', "Gr\u00f6\u00dfe?,M,de,",
            "../../etc/passwd,no,en,", "How long,One,en,"]  # fmt: skip
    path.write_text("\n".join(rows), "utf-8")
    say("add", str(path), "--wait")
    out = tmp_path / "all.jsonl"
    assert "4 articles." in say("export", str(out)).output
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert {(line["title"], line["body"], line["language"], line["visibility"]) for line in lines} == {
        ('How: "long"?', "Three days — always.", "en", "public"), ("Größe?", "M", "de", "public"), ("../../etc/passwd", "no", "en", "public"),
        ("How long", "One", "en", "public"),
    }  # fmt: skip
    assert say("export", str(out)).exit_code == 1
    folder = tmp_path / "folder"
    say("export", str(folder))
    files = sorted(folder.iterdir())
    assert len(files) == 4
    assert all(file.parent == folder for file in files)
    front = yaml.safe_load(next(file for file in files if "größe" in file.name).read_text("utf-8").split("---")[1])
    assert front == {"title": "Größe?", "language": "de"}
    say("remove", str(path), "--yes")
    say("add", str(folder), "--wait")
    assert {article.title for article in list_articles()} == {line["title"] for line in lines}
    assert say("export", str(folder)).exit_code == 1


def test_what_is_for_agents_only_stays_so_through_an_export(say: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "in.md").write_text("---\nvisibility: internal\n---\n\nThe discount code is HEATHER.")
    (folder / "out.md").write_text("# Out\n\nFor everybody.")
    (folder / "bad.md").write_text("---\nvisibility: secret\n---\n\nText.")
    assert "visibility in its front matter must be public or internal" in say("add", str(folder), "--wait").output
    assert {article.title: article.visibility for article in list_articles()} == {"In": "internal", "Out": "public"}
    say("export", str(tmp_path / "again"))
    say("remove", str(folder), "--yes")
    say("add", str(tmp_path / "again"), "--wait")
    assert {article.title: article.visibility for article in list_articles()} == {"In": "internal", "Out": "public"}
    hidden = [article.id for article in list_articles() if article.visibility == "internal"]
    assert passages_of(hidden) == []


def test_a_list_shows_how_far_a_source_is(say: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nText.")
    assert "The worker reads it now" in say("add", str(tmp_path)).output
    assert f"{tmp_path}: not read yet" in say("list").output
    (view,) = list_sources()
    from bot import import_source

    import_source(view.id, seconds=0.0)
    assert re.search(rf"{tmp_path}: reading: 0 of 1 places", say("list").output)
    assert say("sync").exit_code == 0
    assert "A\n1 articles." in say("list").output


def test_a_reviewed_article_is_marked_in_the_list_of_its_source(say: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nText.")
    say("add", str(tmp_path), "--wait")
    (article,) = list_articles()
    edit_article(article.id, by="cli:ann", body="Other text.")
    (tmp_path / "a.md").unlink()
    (tmp_path / "b.md").write_text("# B\n\nText.")
    assert say("sync", str(tmp_path)).exit_code == 0
    assert len(list_articles()) == 2
    assert "removal" in say("history", article.id).output


@pytest.mark.once
def test_the_worker_reads_a_website_by_itself_and_says_how_far_it_is(deskhand: Callable[..., Deskhand]) -> None:
    with Website() as site:
        site.article("/", "Start", LONG, links=tuple(f"/{number}" for number in range(8)))
        for number in range(8):
            site.article(f"/{number}", f"Refund number {number}", f"{LONG} Case {number}.")
        running = deskhand(DESKHAND_ALLOWED_CIDRS="127.0.0.0/8")
        added = running.run("knowledge", "add", site.url("/"), "--depth", "1")
        assert "The worker reads it now" in added.stdout, added.stderr
        wait_for(lambda: "9 added" in running.run("knowledge", "sources").stdout, 120)
        wait_for(lambda: "Refund number 3" in running.run("knowledge", "test", "refund case 3").stdout, 60)
