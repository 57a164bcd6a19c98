"""The knowledge plugin as the desk uses it: hooks, first run, commands, health."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from bot import Question, article_sources, list_articles
from plugins import knowledge
from plugins.knowledge import sync as sync_module
from plugins.knowledge.scan import FolderMissing


@pytest.fixture(autouse=True)
def _fresh(store: Any) -> None:
    """Each test has its own data folder: forget the folders and the index of the one before."""
    sync_module._index.cache_clear()
    sync_module._folder.cache_clear()
    sync_module._told.clear()


def run_job(settings: knowledge.KnowledgeSettings) -> None:
    spec, due, source = knowledge.jobs(settings)
    assert (spec.kind, spec.queue) == ("knowledge.sync", "quick")
    assert (due.kind, due.queue, source.kind, source.queue) == ("knowledge.due", "quick", "knowledge.source", "slow")
    assert spec.every is not None
    assert spec.every <= 10
    spec.run("")


def deskhand(settings: knowledge.KnowledgeSettings, *arguments: str) -> Result:
    (command,) = knowledge.commands(settings)
    return CliRunner().invoke(command, arguments)


def test_the_first_sync_makes_the_sample_shop_searchable() -> None:
    run_job(knowledge.KnowledgeSettings())
    found = knowledge.search_knowledge(
        knowledge.KnowledgeSettings(), Question(site="any", text="How long does a refund to my card take?")
    )
    assert found.answerable
    assert "3–5 working days" in " ".join(passage.text for passage in found.passages)


def test_the_sample_shop_leaves_when_there_is_a_folder(tmp_path: Path) -> None:
    run_job(knowledge.KnowledgeSettings())
    (tmp_path / "own.md").write_text("# Plums\n\nOur plums are blue.")
    own = knowledge.KnowledgeSettings(folder=str(tmp_path))
    run_job(own)
    assert article_sources() == {"markdown:folder": 1}
    assert not knowledge.search_knowledge(
        knowledge.KnowledgeSettings(), Question(site="", text="How long does a refund take?")
    ).answerable
    assert knowledge.search_knowledge(
        knowledge.KnowledgeSettings(), Question(site="", text="Are your plums blue?")
    ).answerable


def test_articles_of_others_keep_the_sample_shop_away_and_no_folder_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.md").write_text("# Plums\n\nOur plums are blue.")
    run_job(knowledge.KnowledgeSettings(folder=str(tmp_path)))
    run_job(knowledge.KnowledgeSettings())
    assert article_sources() == {"markdown:folder": 1}


def test_the_sample_shop_can_be_switched_off() -> None:
    run_job(knowledge.KnowledgeSettings(sample=False))
    assert article_sources() == {}


def test_a_missing_folder_stops_the_first_start_and_not_a_later_one(tmp_path: Path) -> None:
    folder = tmp_path / "kb"
    settings = knowledge.KnowledgeSettings(folder=str(folder))
    with pytest.raises(FolderMissing, match="DESKHAND_KNOWLEDGE_DIR"):
        run_job(settings)
    folder.mkdir()
    (folder / "a.md").write_text("# Plums\n\nBlue.")
    run_job(settings)
    os.rename(folder, tmp_path / "away")
    run_job(settings)
    assert article_sources() == {"markdown:folder": 1}


def test_each_problem_is_logged_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A command that ran in this process before has sent its log elsewhere.
    monkeypatch.setattr(sync_module, "log", structlog.wrap_logger(structlog.PrintLogger()))
    (tmp_path / "bad.md").write_bytes(b"\xff")
    settings = knowledge.KnowledgeSettings(folder=str(tmp_path))
    run_job(settings)
    assert capsys.readouterr().out.count("bad.md was left out: it is not UTF-8") == 1
    run_job(settings)
    assert "bad.md" not in capsys.readouterr().out


def test_the_command_syncs_lists_and_tests(tmp_path: Path) -> None:
    settings = knowledge.KnowledgeSettings()
    result = deskhand(settings, "sync")
    assert result.exit_code == 0, result.output
    assert " added, 0 changed" in result.output
    listed = deskhand(settings, "list").output
    assert "returns.md  Returning an item within 30 days" in listed
    assert f"{len(list_articles())} articles." in listed
    yes = deskhand(settings, "test", "What does a return cost?").output
    assert "it would be answered" in yes
    assert "Returning an item within 30 days › What a return costs" in yes
    no = deskhand(settings, "test", "Do you sell submarines?").output
    assert "it would not be answered" in no
    follow = deskhand(settings, "test", "and to Poland?", "--context", "What does delivery cost?").output
    assert "a follow-up" in follow


def test_the_command_names_broken_files_and_fails(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"\xff")
    (tmp_path / "good.md").write_text("Text.")
    result = deskhand(knowledge.KnowledgeSettings(folder=str(tmp_path)), "sync")
    assert result.exit_code == 1
    assert "1 added" in result.output
    assert "bad.md was left out: it is not UTF-8" in result.output
    missing = deskhand(knowledge.KnowledgeSettings(folder=str(tmp_path / "no")), "sync")
    assert missing.exit_code == 1
    assert "DESKHAND_KNOWLEDGE_DIR" in missing.output


def test_a_site_that_does_not_exist_is_said(make_site: Callable[[str], str]) -> None:
    make_site("shop")
    result = deskhand(knowledge.KnowledgeSettings(), "test", "returns", "--site", "shoop")
    assert result.exit_code == 2
    assert "There is no site shoop. There are: shop." in result.output


def test_the_health_check_tells_what_there_is(tmp_path: Path) -> None:
    run_job(knowledge.KnowledgeSettings())
    health = knowledge.health_check(knowledge.KnowledgeSettings())
    assert health["articles"] == len(list_articles())
    assert health["indexed"] == health["version"]
    with pytest.raises(FolderMissing):
        knowledge.health_check(knowledge.KnowledgeSettings(folder=str(tmp_path / "no")))


def test_the_plugin_is_found_with_its_hooks() -> None:
    from bot.discovery import discover

    (plugin,) = [plugin for plugin in discover().plugins if plugin.name == "knowledge"]
    assert set(plugin.hooks) == {
        "settings_schema",
        "search_knowledge",
        "knowledge_source",
        "jobs",
        "commands",
        "health_check",
    }
    assert plugin.info.on
