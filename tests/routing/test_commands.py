"""``deskhand routing`` and ``agents capacity``: what is made, what is refused by its field, what is written down, and the dry run."""

from __future__ import annotations

from typing import Any

from bot import agents, audit, routing_rules
from tests.commanding import command
from tests.routing.conftest import World


def run(world: World, *arguments: str) -> Any:
    return command(world.store, *arguments)


def trail(world: World) -> list[tuple[str, str]]:
    return world.sql(
        "SELECT action, object FROM audit WHERE action LIKE 'routing%' OR action = 'agent.capacity' ORDER BY id"
    )  # type: ignore[return-value]


def test_rules_are_made_moved_switched_changed_and_removed_and_each_is_audited(world: World) -> None:
    assert "There are none" in run(world, "routing", "list").output
    made = run(
        world,
        "routing",
        "add",
        "refunds",
        "words=refund, money back",
        "place=W-BILLING",
        "agents=ANA,ben",
        "assign=round-robin",
    )
    assert made.exit_code == 0, made.output
    assert "refunds is rule 1" in made.output and "wall W-BILLING" in made.output and "agents ana, ben" in made.output
    assert run(world, "routing", "add", "night", "hours=closed", "mention=none").exit_code == 0
    assert run(world, "routing", "move", "night", "1").exit_code == 0
    assert run(world, "routing", "off", "Night").exit_code == 0
    assert run(world, "routing", "set", "refunds", "words=", "language=de", "place=").exit_code == 0
    listed = run(world, "routing", "list").output
    assert "1  off  night: hours closed → the desk's own place · mention none" in listed
    assert "2  refunds: language de → the desk's own place · agents ana, ben · assign round-robin" in listed
    assert run(world, "routing", "on", "night").exit_code == 0
    assert run(world, "routing", "remove", "night").exit_code == 0
    assert [(rule.name, rule.position) for rule in world.store.read(routing_rules.rules)] == [("refunds", 1)]
    assert run(world, "routing", "settings", "lapse=3", "on_away=release:15", "capacity=4").exit_code == 0
    shown = run(world, "routing", "settings").output
    assert "lapse            3" in shown and "release:15" in shown
    assert "on_away          keep" in run(world, "routing", "settings", "on_away=").output
    assert run(world, "agents", "capacity", "Ana", "2").output == "Ana has 0 and takes 2 at once.\n"
    assert run(world, "agents", "capacity", "ben").output == "ben has 0 and takes 4 at once.\n"
    assert [action for action, _ in trail(world)] == [
        "routing.add", "routing.add", "routing.move", "routing.off", "routing.set", "routing.on", "routing.remove",
        "routing.settings", "routing.settings", "agent.capacity",
    ]  # fmt: skip
    assert audit.verify().problem == ""


REFUSED: list[tuple[list[str], str]] = [
    (["add", "two words"], "name: A rule's name"),
    (["add", "known"], "name: There is a rule known already"),
    (["add", "KNOWN"], "name: There is a rule KNOWN already"),
    (["add", "x", "site=nowhere"], "site: There is no site 'nowhere'"),
    (["add", "x", "channel=Tele gram!"], "channel: 'tele gram!' is no name of a channel"),
    (["add", "x", "language=german"], "language: 'german' is no language"),
    (["add", "x", "priority=hot"], "priority: 'hot' is not known. There are: low, normal, high, urgent."),
    (["add", "x", "hours=weekend"], "hours: 'weekend' has no times"),
    (["add", "x", "hours=mon 25:00-26:00"], "hours: '25:00-26:00' is no span of a day"),
    (["add", "x", "hours=day 09:00-10:00"], "hours: 'day' is no day"),
    (["add", "x", "words=!!!"], "words: '!!!' has no word in it"),
    (["add", "x", f"words={'a' * 81}"], "has 81 characters; at most 80"),
    (["add", "x", f"words={','.join(map(str, range(51)))}"], "words: These are 51; at most 50"),
    (["add", "x", "place=#billing"], "place: '#billing' is no place of a desk: give the channel's ID"),
    (["add", "x", "place=W2", "desk=wal"], "desk: There is no desk 'wal' now. There are: wall."),
    (["add", "x", "agents=ana,nobody"], "agents: There is no agent called 'nobody'"),
    (["add", "x", "agents=reader"], "agents: reader may read and never answers"),
    (["add", "x", "assign=all"], "assign: 'all' is not known. There are: nobody, round-robin."),
    (["add", "x", "mention=everybody"], "mention: 'everybody' is not known"),
    (["add", "x", "mention=channel"], "mention: Alerting a whole channel is switched off"),
    (["add", "x", "color=red"], "color: A rule has no such field"),
    (["add", "x", "words"], "Write 'words' as FIELD=VALUE"),
    (["set", "nobody", "words=a"], "name: There is no rule 'nobody'"),
    (["set", "known", "hours=nonsense 1"], "hours: 'nonsense' is no day"),
    (["move", "known", "2"], "position: Give a number from 1 to 1."),
    (["move", "other", "1"], "name: There is no rule 'other'"),
    (["remove", "other"], "name: There is no rule 'other'"),
    (["on", "other"], "name: There is no rule 'other'"),
    (["settings", "lapse=0"], "lapse: An offer stands for 1 to 1,440 minutes."),
    (["settings", "lapse=soon"], "lapse: 'soon' is no number"),
    (["settings", "capacity=-1"], "capacity: '-1' is no number"),
    (["settings", "on_away=drop"], "on_away: Write keep, or release:10"),
    (["settings", "on_away=release:0"], "on_away: Write keep, or release:10"),
    (["settings", "mention=channel"], "mention: Alerting a whole channel is switched off"),
    (["settings", "speed=1"], "speed: There is no such setting"),
    (["test", "--site", "nowhere"], "site: There is no site 'nowhere'"),
    (["test", "--site", "demo", "--at", "tonight"], "at: 'tonight' is no time"),
]
NO_CAPACITY: list[tuple[list[str], str]] = [
    (["nobody", "3"], "There is no agent called nobody"),
    (["nobody"], "There is no agent called nobody"),
    (["ana", "many"], "Give a number from 0 (no limit) to 1,000, or usual"),
    (["ana", "1001"], "Give a number from 0 (no limit) to 1,000, or usual"),
]


def test_what_is_wrong_is_said_by_its_field_and_nothing_is_changed(world: World) -> None:
    agents.add_agent("reader", role="viewer", actor="test")
    world.rule("known")

    def stored() -> Any:
        return (
            world.store.read(routing_rules.rules),
            trail(world),
            world.sql("SELECT value FROM setting WHERE key = 'routing'"),
        )

    before = stored()
    for arguments, words in REFUSED:
        refused = run(world, "routing", *arguments)
        assert refused.exit_code == 1 and words in refused.output, (arguments, refused.output)
        assert "Nothing was changed." in refused.output
    for arguments, words in NO_CAPACITY:
        refused = run(world, "agents", "capacity", *arguments)
        assert refused.exit_code == 1 and words in refused.output, (arguments, refused.output)
    assert stored() == before


def test_no_desk_on_means_that_the_desk_must_be_said_later(world: World) -> None:
    world.outbox.withdraw()
    refused = run(world, "routing", "add", "x", "place=W2")
    assert "desk: Say whose place W2 is. There are: none now." in refused.output
    assert "No desk is on now" in run(world, "routing", "test", "--site", "demo").output


def test_the_dry_run_says_which_rule_counts_why_others_do_not_and_who_would_be_asked(world: World) -> None:
    world.rule("french", language="fr", place="W-FRENCH")
    world.rule("off", place="W-OFF")
    routing_rules.switch("off", False, actor="test")
    world.rule("refunds", words="refund", language="de", place="W-BILLING", agents="ana,ben", assign="round-robin")
    world.rule("rest", assign="round-robin")
    agents.set_available("ana", False, actor="test")
    found = run(
        world, "routing", "test", "--site", "demo", "--language", "de", "--text", "refund", "--at", "2026-11-21 22:00"
    ).output
    assert found.splitlines() == [
        "  1  french: it is for fr, and the language is de",
        "  2  off: it is switched off",
        "  3  refunds: this rule counts",
        "  4  rest: refunds comes first",
        "Place: W-BILLING (wall)",
        "Mention: assignee",
        "Assignment: offered to ben",
        "     ana: away",
        "     carl: not one of the rule's agents",
    ]
    agents.set_capacity("ben", "1", actor="test")
    busy = world.waits()
    world.claim("ben", busy)
    full = run(world, "routing", "test", "--site", "demo", "--language", "de", "--text", "refund").output
    assert "Assignment: nobody is free, so it waits" in full and "ben: has 1 of 1" in full
    routing_rules.switch("rest", False, actor="test")
    none = run(world, "routing", "test", "--site", "demo").output
    assert "No rule counts: the settings do." in none and "Place: W1 (wall)" in none and "agents claim it" in none
    assert world.sql("SELECT count(*) FROM agent_offer") == [(0,)], "nothing is changed by looking"


def test_admins_read_the_rules_at_the_desk_and_nobody_else_does(world: World) -> None:
    world.rule("german", language="de", place="W-GERMAN")
    agents.add_agent("ada", role="admin", actor="test")
    agents.link("ada", "wall", "T1:ada", actor="test")
    shown = world.do("ada", "", "command", text="routing")
    assert shown.code == "done" and shown.page is not None
    words = str(shown.page.parts)
    assert "1. german" in words and "language de → wall W-GERMAN" in words and "on_away: keep" in words
    assert world.do("ana", "", "command", text="routing").code == "not_allowed"
    assert world.do("eve", "", "command", text="routing").code == "not_linked"
    refused = world.do("ada", "", "command", text="routing off german")
    assert refused.code == "cannot" and "deskhand routing" in refused.aside
    for number in range(30):
        world.rule(f"rule{number}")
    many = world.do("ada", "", "command", text="routing")
    assert many.page is not None and "and 11 more" in str(many.page.parts) and len(many.page.parts) < 30
