"""``deskhand plugins``, ``keys`` and ``audit`` as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot import crypto, plugins
from bot.audit_commands import audit as audit_group
from bot.config import config
from bot.key_commands import keys as keys_group
from bot.plugin_commands import plugins as plugins_group
from bot.store import Audit
from tests.registries import BROKEN

GROUPS = {"plugins": plugins_group, "keys": keys_group, "audit": audit_group}
KEY = "sk-test-abcdefgh1234"


@pytest.fixture
def deskhand(store: Any, environment: Callable[..., None]) -> Iterator[Callable[..., Result]]:
    """Run a command line in this process."""

    def run(line: str, typed: str = "") -> Result:
        group, *arguments = line.split()
        plugins.forget_plugins()
        crypto.forget_keys()
        return CliRunner(catch_exceptions=False).invoke(GROUPS[group], arguments, input=typed)

    yield run
    plugins.forget_plugins()
    crypto.forget_keys()


def test_the_list_shows_what_is_on_what_is_off_and_what_is_broken_with_reasons(
    deskhand: Callable[..., Result], environment: Callable[..., None]
) -> None:
    environment(DESKHAND_PLUGINS_DIR=str(BROKEN))
    lines = {line.split()[0]: line for line in deskhand("plugins list").output.splitlines() if line}
    assert lines["openai"].split(maxsplit=2)[1:] == ["off", "needs key (or OPENAI_API_KEY)"]
    assert lines["good"].split(maxsplit=2)[1:] == ["on", "Says that it was here. [folder]"]
    assert lines["raises"].split(maxsplit=2)[1:] == ["off", "off unless switched on [folder]"]
    assert "broken  No hook is called filter_inbond. Did you mean filter_inbound? [folder]" in lines["misspelt_hook"]
    rows = {row["name"]: row for row in json.loads(deskhand("plugins list --json").output)}
    assert (rows["good"]["on"], rows["misspelt_hook"]["broken"]) == (True, True)
    shown = deskhand("plugins on misspelt_hook")
    assert shown.exit_code == 1
    assert "cannot be used. No hook is called filter_inbond" in shown.output


def test_a_secret_is_stored_sealed_and_shown_by_its_last_four_characters(
    deskhand: Callable[..., Result], store: Any
) -> None:
    told = deskhand("plugins set openai key", typed=f"{KEY}\n").output
    assert "  key = ••••1234  (stored)" in told
    assert told.endswith("\nopenai is on.\n")
    assert KEY not in told
    assert deskhand("plugins set openai model=gpt-test").exit_code == 0
    shown = deskhand("plugins show openai").output
    assert "key = ••••1234  (stored)" in shown
    assert "model = gpt-test  (stored)" in shown
    assert KEY not in shown
    assert KEY not in str(store.read(lambda: [row.settings for row in store.PluginState.select()]))
    assert KEY not in str(store.read(lambda: [row.detail for row in Audit.select()]))
    forgotten = deskhand("plugins set openai --unset key").output
    assert "  key =   (missing, or OPENAI_API_KEY)" in forgotten
    assert "\nopenai is not on: needs key (or OPENAI_API_KEY)." in forgotten


def test_what_was_set_is_told_as_it_is_in_force_now(
    deskhand: Callable[..., Result], environment: Callable[..., None]
) -> None:
    told = deskhand("plugins set learning drafts=false days=3").output.splitlines()
    assert told[0] == "Settings of learning that were changed, as they are now:"
    assert told[1].startswith("  drafts = false  (stored)  Make a draft article")
    assert told[2].startswith("  days = 3")
    assert told[3:] == ["learning is on."]  # what was not changed is not told
    again = deskhand("plugins set learning --unset drafts").output
    assert "  drafts = true  (default)" in again
    assert "days" not in again
    environment(DESKHAND_KNOWLEDGE_CERTAINTY="bold")
    assert "  certainty = cautious  (stored)" in deskhand("plugins set knowledge certainty=cautious").output
    variable = deskhand("plugins set knowledge --unset certainty").output
    assert "  certainty = bold  (DESKHAND_KNOWLEDGE_CERTAINTY)" in variable


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("plugins set openai kee=1", "openai has no setting called kee. Did you mean key? Its settings: key, model"),
        ("plugins set compatible base_url=not-an-address model=m", "Nothing was changed: setting base_url:"),
        ("plugins set nobody x=1", "No plugin is called nobody."),
        ("plugins off opnai", "No plugin is called opnai. Did you mean openai? See deskhand plugins list."),
        ("plugins set openai", "Say what to set."),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_changes_nothing(
    deskhand: Callable[..., Result], store: Any, line: str, words: str
) -> None:
    result = deskhand(line)
    assert result.exit_code in {1, 2}
    assert words in result.output
    assert "Traceback" not in result.output
    assert store.read(lambda: store.PluginState.select().count()) == 0


def test_on_and_off_are_told_and_recorded_with_who_did_it(deskhand: Callable[..., Result]) -> None:
    assert deskhand("plugins off offline").output == "offline is off.\n"
    assert deskhand("plugins on offline").output == "offline is on.\n"
    lines = deskhand("audit list").output.splitlines()
    assert [line.split()[3] for line in lines] == ["plugin.on", "plugin.off"]
    assert all(line.split()[2].startswith("cli") for line in lines)
    assert json.loads(deskhand("audit list --json --limit 1").output)["object"] == "plugin:offline"
    assert deskhand("audit verify").output.startswith("The audit trail is whole: 2 entries, head ")


def test_a_changed_trail_is_told_and_ends_with_an_error(deskhand: Callable[..., Result], store: Any) -> None:
    deskhand("plugins off offline")
    store.open_database(config().database)
    store.write(lambda: Audit.update(actor="nobody").execute())
    result = deskhand("audit verify")
    assert result.exit_code == 1
    assert "The audit trail is not whole. Row 1 (plugin.off) was changed." in result.output


def test_keys_are_shown_by_name_and_changed_by_command(deskhand: Callable[..., Result], tmp_path: Path) -> None:
    assert "none yet; it is made with the first secret" in deskhand("keys status").output
    deskhand("plugins set openai key", typed=f"{KEY}\n")
    status = deskhand("keys status").output
    assert "secret" in status
    assert "seals 1" in status
    assert (tmp_path / "master.key").read_text().strip() not in status
    assert deskhand("keys rotate").output.startswith("1 data key wrapped with master key ")
    assert deskhand("keys rotate --secrets").output.startswith("1 row sealed again.")
    assert "key = ••••1234  (stored)" in deskhand("plugins show openai").output
    assert deskhand("keys rotate --messages").output == "0 rows opened.\n"
    (tmp_path / "master.key").unlink()
    (tmp_path / "master.key.old").unlink()
    lost = deskhand("keys status")
    assert lost.exit_code == 1
    assert "is missing; nothing is lost: put the right key back and start again." in lost.output
    assert "setting key is stored but cannot be read" in deskhand("plugins list").output
