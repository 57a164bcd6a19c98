"""The customers of a day, the same for the same seed: what each of them wants, and what agents make of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

AGENTS = {"ana": "U1", "ben": "U2", "cleo": "U3"}
FALLBACK = "C0HELP"
PLACES = {"refunds": "C0MONEY", "damage": "C0BROKEN", "german": "C0GERMAN", "french": "C0FRENCH", "outlet": "C0OUTLET"}
TEAMS = {"refunds": ("ana", "ben"), "german": ("cleo",)}
"""Rules that offer their conversations to one agent after the other."""
WORDS = {
    "refunds": ("demo", "en", "I would like my money back for order {}, please."),
    "damage": ("demo", "en", "The lamp of order {} arrived damaged."),
    "german": ("demo", "de", "Meine Bestellung {} ist noch nicht da."),
    "french": ("demo", "fr", "Ma commande {} n'est pas encore là."),
    "outlet": ("outlet", "en", "Is the price of order {} right?"),
    "": ("demo", "en", "I have a question about order {} that nobody has answered."),
}
"""Site, language and words of a customer whom a rule fits; without a name: none does."""
EXTRAS = ("transfer", "mention", "asleep", "draft", "snooze", "second", "priority", "")
QUESTION = "How many days do I have to return something?"
"""An article answers this."""
CANNED = "We have paid it back today. Yours, Support"


@dataclass
class Case:
    """One customer. ``rule`` is the one that fits; ``steps`` what happens besides."""

    number: int
    rule: str
    claim: str
    answer: str
    extra: str
    close: str
    who: str
    """Who claims it where nobody is asked."""
    socket: bool
    conversation: str = ""
    expected: list[str] = field(default_factory=list)
    """What agents are to have said at the end."""
    owner: str = ""
    done: bool = False

    def __str__(self) -> str:
        return f"#{self.number} {self.rule or 'fallback'}/{self.claim}/{self.answer}/{self.extra}/{self.close}/{self.owner}"


def cases(seed: int, count: int) -> list[Case]:
    """The day, the same for the same seed: every rule, every way to claim, to answer and to close."""
    dice = random.Random(seed)
    rules = [*PLACES, ""]
    made = []
    for number in range(count):
        rule = rules[number % len(rules)]
        claim = ("card", "reply", "home", "word")[number // len(rules) % 4]
        extra = EXTRAS[number // len(rules) % len(EXTRAS)]
        made.append(
            Case(
                number=number, rule=rule, claim=claim, extra=extra, answer="canned" if rule == "refunds" else "plain",
                close=dice.choice(("word", "card")), who=dice.choice(list(AGENTS)), socket=number % 3 == 0 and WORDS[rule][1] == "en",
            )
        )  # fmt: skip
    return made
