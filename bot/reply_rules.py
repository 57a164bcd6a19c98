"""Rules that answer without the AI: the only way plugins and commands touch their rows.

Every change moves the rules' version in the same transaction, so that each process sees at a glance whether what it holds in memory is
still right. Counting a use does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from bot import audit, clock
from bot.hidden import strip_hidden
from bot.store import ReplyRule as Row
from bot.store import Setting, Site, read, sql, submit, write

VERSION_KEY = "reply_rules.version"
Match = Literal["exact", "partial", "keyword"]
Action = Literal["answer", "handoff", "choices"]
MAX_RULES = 20_000
MAX_NAME, MAX_PHRASE, MAX_ANSWER, MAX_CHOICE, MAX_TITLE, MAX_URL = 80, 300, 4_000, 80, 200, 1_000
MAX_PHRASES, MAX_CHOICES, MAX_SOURCES = 200, 5, 5
PRIORITY = 1_000
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_CHUNK = 200


class RuleRefused(Exception):
    """A rule that is not taken. The text is for people: what is wrong, and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """A page that is named under an answer."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRule:
    """One rule. Its name tells it from the others."""

    name: str
    match: Match = "keyword"
    """exact: the whole message is one of the phrases. partial: a phrase stands in it, its words in their order. keyword: all words of a
    phrase stand in it somewhere."""
    phrases: tuple[str, ...]
    action: Action = "answer"
    """answer: ``answer`` is said instead of the AI. handoff: it is said, and a person follows. choices: only quick replies, under the
    AI's answer."""
    answer: str = ""
    """A small Markdown."""
    choices: tuple[str, ...] = ()
    sources: tuple[RuleSource, ...] = ()
    language: str = ""
    """Two or three letters; empty: every one."""
    site: str = ""
    """Key of a site; empty: every one."""
    priority: int = 0
    """Of several that fit the one with the highest answers."""
    enabled: bool = True
    uses: int = 0
    used_at: float | None = None
    id: str = ""
    site_id: str = ""


@dataclass(slots=True, kw_only=True)
class Imported:
    """What came of many rules."""

    added: int = 0
    changed: int = 0
    same: int = 0


def checked_rule(rule: ReplyRule, sites: Iterable[str]) -> ReplyRule:
    """The rule as it is stored. ``sites``: the keys there are. Raises :class:`RuleRefused` with a sentence."""
    name = _line("name", rule.name, MAX_NAME)
    if not name:
        raise RuleRefused("A rule needs a name. Give it one.")
    _one_of("match", rule.match, get_args(Match))
    _one_of("action", rule.action, get_args(Action))
    if len(rule.phrases) > MAX_PHRASES:
        raise RuleRefused(
            f"{name} has {len(rule.phrases):,} phrases; at most {MAX_PHRASES} are taken. Make several rules of it."
        )
    phrases = tuple(dict.fromkeys(filter(None, (_line("phrase", one, MAX_PHRASE) for one in rule.phrases))))
    if not phrases:
        raise RuleRefused(f"{name} has no phrase: nothing would ever match it. Give it one.")
    empty = next((one for one in phrases if rule.match != "exact" and not re.search(r"\w", one)), None)
    if empty is not None:
        raise RuleRefused(f"{name}: {empty[:40]!r} has no word in it. Only an exact rule can be asked for by signs.")
    answer = _paragraphs(name, rule.answer)
    if rule.action == "answer" and not answer:
        raise RuleRefused(f"{name} has no answer. Write one, or choose another action: handoff or choices.")
    choices = tuple(dict.fromkeys(filter(None, (_line("choice", one, MAX_CHOICE) for one in rule.choices))))
    if len(choices) > MAX_CHOICES:
        raise RuleRefused(f"{name} has {len(choices)} choices; at most {MAX_CHOICES} are shown.")
    if rule.action == "choices" and not choices:
        raise RuleRefused(f"{name} has no choices to offer. Give it some, or an answer.")
    if len(rule.sources) > MAX_SOURCES:
        raise RuleRefused(f"{name} has {len(rule.sources)} sources; at most {MAX_SOURCES} are shown.")
    language = rule.language.strip().lower().partition("-")[0].partition("_")[0]
    if language and not _LANGUAGE.fullmatch(language):
        raise RuleRefused(
            f"{name}: {rule.language[:40]!r} is no language. Write it as de, or leave it out for every one."
        )
    if rule.site and rule.site not in set(sites):
        raise RuleRefused(f"{name}: there is no site {rule.site[:40]!r}. See deskhand site list.")
    if not -PRIORITY <= rule.priority <= PRIORITY:
        raise RuleRefused(f"{name}: the priority is from {-PRIORITY} to {PRIORITY}, not {rule.priority}.")
    return replace(
        rule, name=name, phrases=phrases, answer=answer, choices=choices, sources=tuple(_source(name, one) for one in rule.sources),
        language=language,
    )  # fmt: skip


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise RuleRefused(f"There is no {what} {str(value)[:40]!r}. There are: {', '.join(known)}.")


def _line(what: str, text: str, longest: int) -> str:
    line = " ".join(strip_hidden(text).split())
    if len(line) > longest:
        raise RuleRefused(f"The {what} {line[:30]!r}… has {len(line):,} characters; at most {longest} are taken.")
    return line


def _paragraphs(name: str, text: str) -> str:
    answer = strip_hidden(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(answer) > MAX_ANSWER:
        raise RuleRefused(
            f"The answer of {name} has {len(answer):,} characters; at most {MAX_ANSWER:,} are taken. Shorten it."
        )
    return answer


def _source(name: str, source: RuleSource) -> RuleSource:
    title, url = _line("title", source.title, MAX_TITLE), source.url.strip()
    parts = urlsplit(url) if len(url) <= MAX_URL and not re.search(r"\s", url) else None
    if url and (parts is None or parts.scheme not in {"https", "http"} or not parts.netloc):
        raise RuleRefused(f"{name}: {url[:60]!r} is no address. Write it as https://shop.example/page.")
    if not title:
        raise RuleRefused(f"{name}: a source needs a title.")
    return RuleSource(title=title, url=url)


# Rows --------------------------------------------------------------------------------------------------------------


def rules_version() -> str:
    """Another one after every change. One small read; raises :class:`bot.StoreUnavailable`."""

    def look() -> str:
        row = sql("SELECT value FROM setting WHERE key = 'reply_rules.version'").fetchone()
        return str(row[0]) if row else ""

    return read(look)


def list_rules() -> list[ReplyRule]:
    """All rules, by name."""

    def load() -> list[ReplyRule]:
        keys = {id_: key for key, id_ in _sites().items()}
        return [_rule(row, keys) for row in _rows(Row.select().order_by(Row.name).dicts())]

    return read(load)


def _rule(row: Mapping[str, Any], keys: Mapping[str, str]) -> ReplyRule:
    return ReplyRule(
        id=row["id"], name=row["name"], match=row["match"], phrases=tuple(row["phrases"]), action=row["action"], answer=row["answer"],
        choices=tuple(row["choices"]), sources=tuple(RuleSource(**one) for one in row["sources"]), language=row["language"],
        site=keys.get(row["site_id"], ""), site_id=row["site_id"], priority=row["priority"], enabled=row["enabled"], uses=row["uses"],
        used_at=row["used_at"],
    )  # fmt: skip


def _sites() -> dict[str, str]:
    return {row[0]: row[1] for row in _rows(Site.select(Site.key, Site.id).tuples())}


def add_rule(rule: ReplyRule, *, actor: str) -> ReplyRule:
    """Store a new rule. Raises :class:`RuleRefused`, also when there is one of its name."""

    def work() -> ReplyRule:
        known = _lock()
        right = checked_rule(rule, sites := _sites())
        if Row.select().where(Row.name == right.name).exists():
            raise RuleRefused(f"There is a rule {right.name!r} already. Change it: deskhand auto-replies edit")
        if known >= MAX_RULES:
            raise RuleRefused(
                f"There are {known:,} rules already, and at most {MAX_RULES:,} are kept. Remove some first."
            )
        audit.record(actor, "auto_reply.add", f"auto_reply:{right.name}")
        return _insert(right, sites)

    return write(work)


def change_rule(name: str, /, *, actor: str, **values: Any) -> ReplyRule:
    """Change some fields of a rule, also its name. Raises :class:`RuleRefused`."""

    def work() -> ReplyRule:
        _lock()
        sites = _sites()
        before = _find(name, sites)
        right = checked_rule(replace(before, **values), sites)
        if right.name != before.name and Row.select().where(Row.name == right.name).exists():
            raise RuleRefused(f"There is a rule {right.name!r} already. Choose another name.")
        audit.record(actor, "auto_reply.change", f"auto_reply:{before.name}", {"changed": sorted(values)})
        _update(before.id, right, sites)
        return right

    return write(work)


def remove_rule(name: str, *, actor: str) -> None:
    """Remove a rule. Raises :class:`RuleRefused` when there is none of this name."""

    def work() -> None:
        _lock()
        found = _find(name, _sites())
        Row.delete().where(Row.id == found.id).execute()
        audit.record(actor, "auto_reply.remove", f"auto_reply:{found.name}")

    write(work)


def import_rules(rules: Sequence[ReplyRule], *, actor: str) -> Imported:
    """Store many rules, in several transactions: one whose name is known replaces that. They were checked before."""
    done = Imported()
    for start in range(0, len(rules), _CHUNK):
        some = rules[start : start + _CHUNK]
        write(lambda some=some: _import_some(some, done, actor))  # type: ignore[misc]
    return done


def _import_some(rules: Sequence[ReplyRule], done: Imported, actor: str) -> None:
    count, sites = _lock(), _sites()
    keys = {id_: key for key, id_ in sites.items()}
    names = [rule.name for rule in rules]
    known = {row["name"]: _rule(row, keys) for row in _rows(Row.select().where(Row.name.in_(names)).dicts())}
    added = changed = 0
    for rule in rules:
        before = known.get(rule.name)
        if before is None:
            added += 1
            _insert(rule, sites)
        elif _content(before) != _content(rule):
            changed += 1
            _update(before.id, rule, sites)
    if count + added > MAX_RULES:
        raise RuleRefused(
            f"With these there would be more than {MAX_RULES:,} rules. {done.added:,} were added before; remove some."
        )
    audit.record(actor, "auto_reply.import", "auto_replies", {"added": added, "changed": changed})
    done.added, done.changed, done.same = (
        done.added + added,
        done.changed + changed,
        done.same + len(rules) - added - changed,
    )


def _content(rule: ReplyRule) -> dict[str, Any]:
    return asdict(replace(rule, id="", site_id="", uses=0, used_at=None))


def count_use(rule_id: str) -> None:
    """Count that a rule answered, soon and without waiting."""

    def work() -> None:
        sql("UPDATE reply_rule SET uses = uses + 1, used_at = ? WHERE id = ?", (clock.now(), rule_id))

    submit(work, lambda _result, _error: None)


def _find(name: str, sites: Mapping[str, str]) -> ReplyRule:
    found = _rows(Row.select().where(Row.name == " ".join(name.split())).dicts())
    if not found:
        raise RuleRefused(f"There is no rule {name[:80]!r}. See: deskhand auto-replies list")
    return _rule(found[0], {id_: key for key, id_ in sites.items()})


def _rows(query: Any) -> list[Any]:
    return list(query)


def _columns(rule: ReplyRule, sites: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": rule.name, "match": rule.match, "phrases": list(rule.phrases), "action": rule.action, "answer": rule.answer,
        "choices": list(rule.choices), "sources": [asdict(one) for one in rule.sources], "language": rule.language,
        "site_id": sites[rule.site] if rule.site else "", "priority": rule.priority, "enabled": rule.enabled,
        "changed_at": clock.now(),
    }  # fmt: skip


def _insert(rule: ReplyRule, sites: Mapping[str, str]) -> ReplyRule:
    rule = replace(rule, id=clock.new_id(), uses=0, used_at=None)
    Row.insert(id=rule.id, uses=0, created_at=clock.now(), **_columns(rule, sites)).execute()
    return rule


def _update(rule_id: str, rule: ReplyRule, sites: Mapping[str, str]) -> None:
    Row.update(_columns(rule, sites)).where(Row.id == rule_id).execute()


def _lock() -> int:
    """Inside a transaction: move the version, and with its row keep out others who change rules. Returns how many rules there are."""
    Setting.insert(key=VERSION_KEY, value="", changed_at=clock.now()).on_conflict_ignore().execute()
    Setting.update(value=clock.new_id(), changed_at=clock.now()).where(Setting.key == VERSION_KEY).execute()
    return int(Row.select().count())
