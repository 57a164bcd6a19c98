"""The Web API client: no automatic retries, short timeouts, and a log without tokens or texts."""

from __future__ import annotations

import logging
import re
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

TIMEOUT = 12
"""Seconds for one call. Less than the desk's own limit, so that the failure is classified here."""
ADDRESS = "https://slack.com/api/"
_SECRET = re.compile(r"xox[a-z.]*-[\w.-]+|xapp-[\w-]+|ticket=[^&\s'\"]+|wss?://\S+")


class _Scrub(logging.Filter):
    """The SDK's own words, without tokens, one-time addresses and tracebacks (they show both)."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _SECRET.sub("…", record.getMessage())[:300]
        record.args = None
        record.exc_info = record.exc_text = None
        return True


def quiet_logger() -> logging.Logger:
    """For the SDKs. Never below WARNING: their DEBUG lines show message texts."""
    logger = logging.getLogger("channels.slack.sdk")
    if not logger.filters:
        logger.addFilter(_Scrub())
    logger.setLevel(logging.WARNING)
    return logger


def is_loopback(address: str) -> bool:
    return (urlsplit(address).hostname or "") in {"127.0.0.1", "localhost", "::1"}


def make_client(token: str, api_url: str) -> AsyncWebClient:
    """Make it in the running loop. ``retry_handlers=[]``: the SDK's own would post a message twice after a lost answer."""
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT, connect=5),
        # A call on a connection that Slack is just closing is uncertain and costs a read-back: give idle ones up early.
        connector=aiohttp.TCPConnector(limit=40, keepalive_timeout=15),
    )
    address = api_url or ADDRESS
    client = AsyncWebClient(
        token=token, base_url=address, timeout=TIMEOUT, session=session, retry_handlers=[], logger=quiet_logger()
    )
    if is_loopback(address):
        client.proxy = None
    return client
