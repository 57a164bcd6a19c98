"""How long auto-replies take: 10,000 rules of all three kinds as rows, messages of 12 words, one process, through the plugin's hook.

Run: python -m tests.bench auto-replies. Words follow Zipf's law over 30,000 made-up ones behind the 100 commonest of English; three
rules in four have a rare word and the fourth only common ones, so that many come near and few fit.
"""

from __future__ import annotations

import gc
import itertools
import os
import random
import time
from pathlib import Path

from tests.bench.report import Report
from tests.bench.retrieval import COMMON, made_up_words

RULES = 10_000
QUESTIONS = 5_000
WORDS = 12
SEED = 7
LANGUAGES = ("", "", "en", "de")


def auto_replies(report: Report, program: Path, room: Path) -> None:
    """10,000 rules, messages of 12 words."""
    import bot
    from bot import store
    from bot.clock import now
    from bot.config import config
    from plugins import auto_reply

    os.environ |= {
        "DESKHAND_DATA": str(room / "rules"),
        "DATABASE_URL": f"sqlite:///{room}/rules.sqlite3",
        "REDIS_URL": "none",
    }
    config.cache_clear()
    store.open_database(config().database)
    try:
        store.migrate()
        store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=now()))
        rng = random.Random(SEED)
        words = [*COMMON, *made_up_words(30_000, rng)]
        weights = list(itertools.accumulate(1 / (n + 10) for n in range(len(words))))

        def some(count: int) -> str:
            return " ".join(rng.choices(words, cum_weights=weights, k=count))

        rules = []
        for n in range(RULES):
            match = ("exact", "partial", "keyword")[n % 3]
            rare = [] if n % 4 == 0 else [rng.choice(words[2_000:])]
            phrases = tuple(" ".join([*rare, some(1 + n % 3)]) for _ in range(2))
            rules.append(
                bot.ReplyRule(
                    name=f"rule {n}", match=match, phrases=phrases, answer="Yes.", language=rng.choice(LANGUAGES)
                )  # type: ignore[arg-type]
            )
        bot.import_rules(rules, actor="bench")
        settings = auto_reply.AutoReplySettings()
        began = time.perf_counter()
        while auto_reply.RULES.current("en").count < RULES:
            time.sleep(0.01)
        loaded = time.perf_counter() - began
        took: list[float] = []
        worked: list[float] = []
        hits = 0
        gc.collect()
        for _ in range(QUESTIONS):
            turn = bot.TurnContext(
                turn_id="t", conversation_id="c", site="s1", channel="bench", language="en", question=some(WORDS) + "?"
            )
            began, at_work = time.perf_counter(), time.thread_time()
            hit = auto_reply.auto_reply(settings, turn)
            took.append((time.perf_counter() - began) * 1_000)
            worked.append((time.thread_time() - at_work) * 1_000)
            hits += hit is not None
        took.sort()
        worked.sort()
        p95 = took[int(len(took) * 0.95)]
        report.add(
            f"auto-reply, {RULES:,} rules, {WORDS} words", f"p95 {p95:.2f} ms", "<= 1 ms", p95 <= 1,
            f"p50 {took[len(took) // 2]:.2f} ms, p99 {took[int(len(took) * 0.99)]:.2f} ms, processor p95"
            f" {worked[int(len(worked) * 0.95)]:.2f} ms; {QUESTIONS:,} messages,"
            f" {hits / QUESTIONS:.0%} answered; all rules ready {loaded:.1f} s after a change; made-up rules, seed {SEED}",
        )  # fmt: skip
    finally:
        store.close_database()
        for name in ("DESKHAND_DATA", "DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        config.cache_clear()
