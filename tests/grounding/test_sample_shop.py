"""Answers about the sample shop: tables, lists and opening hours as articles really have them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from bot import Passage
from plugins.grounding.check import check

SAMPLE = Path(__file__).parents[2] / "plugins" / "knowledge" / "sample"


@cache
def passages(name: str) -> tuple[Passage, ...]:
    """An article in pieces: its beginning, and what stands below each heading."""
    _, head, text = (SAMPLE / f"{name}.md").read_text("utf-8").split("---", 2)
    told = dict(line.split(":", 1) for line in head.strip().splitlines())
    first, *others = re.split(r"(?m)^## (.+)$", text)
    pieces = [("", first), *zip(others[::2], others[1::2], strict=True)]
    return tuple(
        Passage(
            id=f"{name}-{n}", article_id=name, title=told["title"].strip(), heading=heading.strip(), text=body.strip(),
            language=told["language"].strip(),
        )
        for n, (heading, body) in enumerate(pieces)
    )  # fmt: skip


SHIPPING, SHOP, RETURNS, VERSAND, RUECK = (
    "delivery-times-and-costs", "shop-and-hours", "returns", "versand", "ruecksendung",
)  # fmt: skip


@pytest.mark.parametrize(
    ("article", "answer"),
    [
        (SHIPPING, "Delivery to Norway costs €4.90 and takes 2–3 working days."),
        (SHIPPING, "Shipping to Germany is €7.90 and free from €90."),
        (SHIPPING, "For Sweden it takes 3 to 5 working days and costs €6.90."),
        (SHIPPING, "Express costs €19.90 and arrives within 1–2 working days."),
        (SHIPPING, "Great Britain: €12.90, 5–9 working days, free from €150."),
        (SHIPPING, "Rain barrels come by pallet, which costs €49 in Germany."),
        (SHIPPING, "Orders placed before 2 pm on a working day leave the same day."),
        (SHIPPING, "Der Versand nach Deutschland kostet 7,90 € und dauert 4 bis 6 Werktage."),
        (SHOP, "On Thursdays the shop is open until 8 pm."),
        (SHOP, "On Saturdays we're open from 10:00 to 16:00, and on Sundays we are closed."),
        (SHOP, "A Storm 2 costs €20 per day to rent, with a deposit of €150."),
        ("contact", "You can write to hello@fjordandfern.example; we usually answer within one working day."),
        (RETURNS, "Yes, you can send it back within 30 days. The label is €4.90 from Germany."),
        (RETURNS, "1. Open **My orders** and choose **Return items**.\n2. Hand in the parcel within 7 days."),
        (VERSAND, "Der Versand nach Deutschland kostet 7,90 €, ab 90 € ist er frei."),
        (VERSAND, "Express kostet 19,90 € und dauert 1–2 Werktage."),
        (RUECK, "Sie können fast alles innerhalb von 30 Tagen zurückschicken."),
        (RUECK, "Das Etikett kostet aus Deutschland 4,90 €. Wir ziehen den Betrag von der Erstattung ab."),
        (RUECK, "Öffnen Sie **Meine Bestellungen** und geben Sie das Paket innerhalb von 7 Tagen ab."),
    ],
)
def test_what_stands_there_holds(article: str, answer: str) -> None:
    assert [(one.sentence.bare, one.why) for one in check(answer, passages(article)).failed] == []


@pytest.mark.parametrize(
    ("article", "answer"),
    [
        (SHIPPING, "Delivery to Norway costs €6.90."),
        (SHIPPING, "Shipping to Germany is €4.90."),
        (SHIPPING, "For Sweden it takes 2 to 3 working days."),
        (SHIPPING, "Express costs €7.90."),
        (SHIPPING, "Great Britain: €9.90."),
        (SHOP, "On Saturdays the shop is open until 18:00."),
        (SHOP, "On Sundays we are open from 10:00 to 16:00."),
        (SHOP, "A Storm 2 costs €90 per day to rent."),
        ("contact", "Write to help@fjordandfern.example."),
        ("gift-cards", "Gift cards are valid for three years."),
        (RETURNS, "From Germany the label costs €7.90."),
        (VERSAND, "Der Versand in die Schweiz kostet 7,90 €."),
        (RUECK, "Sie haben 60 Tage Zeit."),
    ],
)
def test_what_stands_there_otherwise_does_not(article: str, answer: str) -> None:
    assert check(answer, passages(article)).failed
