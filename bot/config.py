"""The environment, read once into one frozen :class:`Config`. A wrong setting is one sentence that names it and the fix."""

from __future__ import annotations

import ipaddress
import os
import sys
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.addresses import address_problem, parse_addresses, parse_server


class ConfigError(Exception):
    """A setting is missing or wrong. The text is one sentence: the variable, what is wrong and the fix."""


def _default_data() -> Path:
    clone = Path(__file__).resolve().parent.parent
    if (clone / "pyproject.toml").is_file():
        return clone / "var"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "deskhand"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "deskhand"


class Config(BaseSettings):
    """Start-up settings. All begin with ``DESKHAND_`` but the names people know (``DATABASE_URL``, ``REDIS_URL``, ``SMTP_URL``)."""

    model_config = SettingsConfigDict(env_prefix="DESKHAND_", frozen=True, extra="ignore", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    public_url: str = ""
    """Where customers reach this installation; empty: ``http://HOST:PORT``."""
    data: Path = Field(default_factory=_default_data)
    """Folder of the database file, the index, uploaded files, the master key and the run files."""
    key: SecretStr = SecretStr("")
    """Master key: 32 bytes in base64 or hex. Empty: a file in the data folder."""
    encrypt_messages: bool = False
    """Encrypt message texts at rest, too (secrets always are)."""
    database_url: str = Field(default="", validation_alias="DATABASE_URL")
    """``sqlite:///file`` or ``postgresql://user@host/name``. Empty: SQLite in the data folder."""
    redis_url: str = Field(default="", validation_alias="REDIS_URL")
    """Empty: an embedded Valkey. ``none``: the database alone."""
    smtp_url: SecretStr = Field(default=SecretStr(""), validation_alias="SMTP_URL")
    """Mail server: ``smtp://user:password@host:587`` (STARTTLS) or ``smtps://…:465``. Empty: mails are kept and shown."""
    mail_from: str = ""
    """Sender of all mails, such as ``Example Shop <help@shop.example>``. Empty: ``deskhand@`` and the host of the public address."""
    team_mail: str = ""
    """Where new tickets and reminders go: an address, or several with commas. Empty: nowhere."""
    remind_hours: float = Field(default=4.0, ge=0, le=720)
    """The team is reminded of a ticket that was open and untouched for so many hours. 0: never."""
    handoff_seconds: float = Field(default=180.0, ge=0, le=3_600)
    """Who waits for a person so long is asked for an address, and goes on waiting. 0: never asked."""
    first_reply_hours: float = Field(default=4.0, ge=0, le=720)
    """A ticket's first reply is due after so many open hours. Urgent: a quarter, high: half, low: twice.
    0: never. What ``deskhand targets`` says goes before it."""
    resolve_hours: float = Field(default=48.0, ge=0, le=8_760)
    """A ticket should be resolved after so many open hours, by its priority as above. 0: never."""
    plugins_dir: Path | None = None
    """A folder of one's own plugin modules."""
    trusted_proxies: str = ""
    """Comma-separated addresses or networks whose ``X-Forwarded-For`` is believed."""
    allowed_cidrs: str = ""
    """Comma-separated networks, such as ``10.1.0.0/16``, where articles may be read although their addresses are not public."""
    turns: int = Field(default=96, ge=1, le=2_000)
    """AI turns that may run at once in one turns process."""
    session_minutes: int = Field(default=30, ge=1)
    """A conversation that the AI has is closed after so many silent minutes."""
    reopen_days: int = Field(default=7, ge=0)
    """A resolved conversation is opened again when its customer writes within so many days."""
    max_text: int = Field(default=4_000, ge=1, le=40_000)
    """Longest customer message in characters."""
    files: bool = True
    """Whether customers and agents may send files."""
    file_types: str = "png jpeg webp gif pdf txt ogg mp3 m4a"
    """Kinds of files that are taken. Also possible: csv docx heic mov mp4 odt pptx wav webm xlsx zip. Never: HTML and SVG."""
    file_mb: float = Field(default=10.0, gt=0, le=50)
    """Largest file in MB."""
    file_count: int = Field(default=5, ge=1, le=20)
    """Files in one message at most."""
    file_mb_per_day: float = Field(default=50.0, gt=0, le=5_000)
    """What one customer may send in 24 hours, in MB."""
    file_days: int = Field(default=0, ge=0, le=36_500)
    """Files are removed after so many days, while their messages stay. 0: kept as long as the conversation."""
    summary_provider: str = ""
    """The AI provider that is asked first for the summaries of tickets. Empty: in the order of the answers."""
    answer_tests: Path | None = None
    """Answer tests of the house: a file or a folder with files called ``answers.yaml``. Publishing runs them first."""
    cheap_price: float = Field(default=5.0, ge=0, le=10_000)
    """A model is cheap, and may be asked when a budget is nearly used up, if a million tokens it writes cost at most so many US dollars."""
    provider_probes: bool = True
    """Whether AI providers that are left out, or that nobody asked lately, are looked at once a minute by a request that costs nothing."""
    history: int = Field(default=20, ge=1, le=200)
    """Messages of a conversation that the AI sees."""
    daily_tokens: int = Field(default=2_000_000, ge=0)
    """Hard cap of AI tokens per site and UTC day, unless the site has its own. 0 means none."""
    restart_pause: float = Field(default=30.0, gt=0, le=600)
    """Longest pause in seconds before ``deskhand run`` starts a process again that dies again and again."""
    log_format: str = Field(default="auto", pattern="^(auto|json|text)$")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    failpoints: str = ""
    """Only for tests: see ``bot.failpoints``."""

    @field_validator("database_url")
    @classmethod
    def _database_scheme(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("it must begin with sqlite:/// or postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: str) -> str:
        if value and value != "none" and not value.startswith(("redis://", "rediss://", "unix://", "valkey://")):
            raise ValueError("it must begin with redis://, rediss:// or unix://, or be the word none")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_address(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            parse_server(value.get_secret_value())
        return value

    @field_validator("mail_from", "team_mail")
    @classmethod
    def _mail_addresses(cls, value: str) -> str:
        for address in parse_addresses(value):
            if problem := address_problem(address):
                raise ValueError(problem)
        return value.strip()

    @field_validator("allowed_cidrs")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in value.replace(",", " ").split():
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError:
                raise ValueError(f"{part[:60]} is no network such as 10.1.0.0/16") from None
        return value

    @field_validator("file_types")
    @classmethod
    def _file_types(cls, value: str) -> str:
        from bot.file_types import KINDS

        names = value.replace(",", " ").lower().split()
        if unknown := [name for name in names if name not in KINDS]:
            raise ValueError(f"there is no kind of file called {unknown[0]}; there are: {' '.join(KINDS)}")
        return " ".join(names)

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc):
            raise ValueError("it must be a whole address such as https://support.example.com")
        return value.rstrip("/")

    @property
    def base_url(self) -> str:
        """Public address without a slash at the end."""
        host = "localhost" if self.host in {"127.0.0.1", "0.0.0.0", "::"} else self.host  # noqa: S104
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def database(self) -> str:
        """Database address, never empty."""
        return self.database_url or f"sqlite:///{self.data / 'deskhand.sqlite3'}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite:")

    @property
    def run_dir(self) -> Path:
        """Folder of sockets, locks and slots of the processes on this host."""
        return self.data / "run"


def load_config() -> Config:
    """Read the environment. Raises :class:`ConfigError` with one sentence for the first wrong setting."""
    try:
        return Config()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"DESKHAND_{name.upper()}"
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"The setting {variable} is wrong: {reason[:1].lower()}{reason[1:]}. Correct it and start again."
        ) from None


@lru_cache(maxsize=1)
def config() -> Config:
    """The process's configuration. Tests call ``config.cache_clear()`` after they changed the environment."""
    return load_config()
