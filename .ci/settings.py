"""Write the settings of bot/config.py into docs/operate.md and .env.example. ``--check`` only says whether they are up to date."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.config import Config  # noqa: E402

# Properties of the product that are not fields of Config, but that people set.
OTHERS = [
    ("OPENAI_API_KEY", "", "A key of OpenAI: its models answer."),
    ("OPENAI_BASE_URL", "", "Only for a gateway of your own."),
    ("ANTHROPIC_API_KEY", "", "A key of Anthropic: its models answer."),
    ("ANTHROPIC_BASE_URL", "", "Only for a gateway of your own."),
    ("DESKHAND_HOURS", "", "Opening hours such as mon-fri 09:00-17:00, sat 10:00-14:00. Empty: always open."),
    ("DESKHAND_ZONE", "UTC", "The time zone of these hours, such as Europe/Berlin."),
    ("SLACK_BOT_TOKEN", "", "Agents work in Slack: docs/slack.md says where this and the next two come from."),
    ("SLACK_APP_TOKEN", "", "The app-level token of the same app."),
    ("SLACK_CHANNEL", "", "The channel's ID, such as C0123456789."),
    ("DESKHAND_SLACK_API_URL", "", "Only for a gateway of your own."),
    ("TELEGRAM_BOT_TOKEN", "", "Customers write on Telegram: docs/telegram.md says where this comes from."),
    ("DESKHAND_TELEGRAM_MODE", "poll", "webhook: Telegram calls DESKHAND_PUBLIC_URL instead of being asked."),
    ("DESKHAND_TELEGRAM_WEBHOOK_SECRET", "", "What Telegram shows with each call. Empty: made from the token."),
    (
        "DESKHAND_TELEGRAM_UNCERTAIN",
        "resend",
        "What becomes of a message of which nobody can tell whether it arrived: resend or hold.",
    ),
    ("DESKHAND_TELEGRAM_API_URL", "", "Only for a Bot API server of your own."),
    ("DISCORD_BOT_TOKEN", "", "Customers write on Discord: docs/discord.md says where this comes from."),
    ("DESKHAND_DISCORD_API_URL", "", "Only for a gateway of your own, such as https://discord.example/api/v10."),
    ("DESKHAND_DISCORD_CDN_URL", "", "The only place from where customers' files are fetched. Empty: Discord's own."),
]


def described() -> dict[str, str]:
    """The sentence below each field."""
    body = next(
        node for node in ast.parse((ROOT / "bot" / "config.py").read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Config"
    ).body  # fmt: skip
    found = {}
    for field, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            said = (
                isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            )
            found[field.target.id] = " ".join(after.value.value.split()) if said else ""
    return found


def rows() -> list[tuple[str, str, str]]:
    """Variable, default and meaning of each setting."""
    texts = described()
    found = []
    for name, field in Config.model_fields.items():
        if name == "failpoints":
            continue  # only for tests
        variable = str(field.validation_alias or f"DESKHAND_{name.upper()}")
        default = field.get_default(call_default_factory=False)
        shown = "var/ in a clone, else the platform's folder" if name == "data" else _shown(default)
        found.append((variable, shown, texts[name] or DEFAULT_WORDS[name]))
    return found


DEFAULT_WORDS = {
    "host": "Address to listen on.",
    "port": "Port to listen on.",
    "log_format": "`json`, `text`, or `auto`: text on a terminal.",
    "log_level": "`debug`, `info`, `warning` or `error`.",
}


def _shown(value: object) -> str:
    if value is None or str(value) in {"", "**********"} or value.__class__.__name__ == "SecretStr":
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def table() -> str:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {f'`{default}`' if default else ''} | {text.replace('``', '`')} |"
        for name, default, text in rows()
    ]
    return "\n".join(lines)


def example() -> str:
    lines = [
        "# Settings of Deskhand. Copy this file to .env and take the # away from what you set. docs/operate.md explains them.",
        "",
    ]
    for name, default, text in [*rows(), *OTHERS]:
        lines += [f"# {text.replace('``', '')}", f"# {name}={'' if ' ' in default else default}", ""]
    return "\n".join(lines)


def main() -> int:
    """Write, or check; 1 if something is not up to date."""
    page = ROOT / "docs" / "operate.md"
    text = page.read_text("utf-8")
    head, _, rest = text.partition("<!-- settings -->\n")
    _, _, tail = rest.partition("<!-- /settings -->")
    wanted = {page: f"{head}<!-- settings -->\n{table()}\n<!-- /settings -->{tail}", ROOT / ".env.example": example()}
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_text("utf-8") != content]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run .venv/bin/python .ci/settings.py")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
