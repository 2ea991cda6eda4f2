"""Post each record to a URL, signed, from a worker thread that tries again until it is taken.

The headers are those of https://www.standardwebhooks.com/, so that a receiver can check them with an existing
library: `webhook-id` (the same at each try), `webhook-timestamp` (Unix seconds of this try) and `webhook-signature`:
`v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import http.client
import logging
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from aura_logging import encoding
from aura_logging.handlers.async_buffered import AsyncBufferedHandler, HandlerReference
from aura_logging.handlers.option_checks import check_seconds
from aura_logging.health import Health
from aura_logging.options import OptionError
from aura_logging.resilience.clock import Clock

__all__ = ["WebhookHandler", "WebhookRefusedError", "signature"]

_BASE64_SECRET = "whsec_"  # noqa: S105  # a prefix, from the specification
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
"""Answers below 500 that may be others in a while: timeout, too early, too many requests."""

_RETRY_JITTER = 0.5
_TEXT = logging.Formatter("%(levelname)s %(message)s")


class WebhookHandler(AsyncBufferedHandler):
    """Posts each record to `url` as JSON; the logging thread only puts it into a buffer.

    Meant for few records that somebody waits for: attach it to `aura.alerts`. With a `secret` requests are signed; one
    that begins with `whsec_` is Base64. The body is the record's JSON line, or what the handler's formatter makes of
    it. `text_key` makes it an object with one text instead, as chat services want: `"text"` for Slack, Mattermost and
    Teams, `"content"` for Discord. `headers` are added.

    A request is given `timeout_seconds` for each of its steps. One that fails, times out or is answered with 408,
    425, 429 or 5xx is repeated with growing, jittered pauses, and every `cooldown_seconds` after five failures, in
    order and for as long as it takes; a receiver knows a repetition by its `webhook-id`. Any other answer
    but 2xx drops the record and is counted under `target_error`; redirects are not followed, for they would take a
    signed request where nobody meant it to go. `buffer_size` records may wait; beyond, the oldest gives way and is
    counted. With a `journal`, a directory on a local disk, they survive the process. See `AsyncBufferedHandler`, whose
    ledger `health()` shows.
    """

    def __init__(
        self,
        url: str,
        secret: str | None = None,
        *,
        text_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 5.0,
        buffer_size: int = 100,
        journal: str | os.PathLike[str] | None = None,
        cooldown_seconds: float = 30.0,
        shutdown_seconds: float = 5.0,
        emergency: HandlerReference | None = "stderr",
        level: int | str = logging.NOTSET,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        check_seconds(timeout_seconds=timeout_seconds)
        self._sender = _Sender(
            _checked_url(url), _key(secret), _checked_headers(headers), text_key, timeout_seconds, wall_clock
        )
        super().__init__(
            self._sender,
            buffer_size=buffer_size,
            journal=journal,
            cooldown_seconds=cooldown_seconds,
            shutdown_seconds=shutdown_seconds,
            retry_jitter=_RETRY_JITTER,
            emergency=emergency,
            level=level,
            clock=clock,
        )

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802  # logging's name
        """Have this formatter make the body."""
        super().setFormatter(fmt)
        self._sender.setFormatter(fmt)

    def health(self) -> Health:
        """Tell the ledger, and what was answered how often; never the URL, whose path may be a secret."""
        health = super().health()
        return replace(health, facts={**health.facts, "host": self._sender.host, "answers": dict(self._sender.answers)})


class WebhookRefusedError(Exception):
    """The receiver's answer to a record was final, and not yes."""


def signature(key: bytes, delivery: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` of a delivery at a time."""
    signed = b"%b.%d.%b" % (delivery.encode(), timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


class _Sender(logging.Handler):
    """The half on the worker's thread: one record, one request. Not on any logger, so it has no name of its own."""

    def __init__(
        self,
        url: str,
        key: bytes | None,
        headers: Mapping[str, str],
        text_key: str | None,
        timeout_seconds: float,
        wall_clock: Clock,
    ) -> None:
        super().__init__()
        parts = urlsplit(url)
        self.host = parts.netloc
        self.server = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self.answers: dict[str, int] = {}
        self._url = url
        self._key = key
        self._headers = {"Content-Type": "application/json", "User-Agent": "aura-logging", **headers}
        self._text_key = text_key
        self._timeout_seconds = timeout_seconds
        self._wall_clock = wall_clock
        # With the proxies of the environment, as everybody expects; without redirects.
        self._opener = urllib.request.build_opener(_NoRedirects)

    def emit(self, record: logging.LogRecord) -> None:
        """Post the record; `OSError` if it is to be tried again, `WebhookRefusedError` if not."""
        body = self._body(record)
        delivery = _delivery(record)
        now = int(self._wall_clock())
        headers = {**self._headers, "webhook-id": delivery, "webhook-timestamp": str(now)}
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, delivery, now, body)
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310  # http or https: checked
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as answer:
                self._count(str(answer.status))
        except urllib.error.HTTPError as answer:
            with answer:
                self._count(str(answer.code))
                self._refused(answer)
        except http.client.HTTPException as error:
            self._count(type(error).__name__)
            raise ConnectionError(f"{self.host} gave no answer in HTTP: {type(error).__name__}") from None
        except OSError as error:
            self._count(type(error).__name__)
            raise ConnectionError(f"{self.host}: {getattr(error, 'reason', None) or error}") from None

    def _refused(self, answer: urllib.error.HTTPError) -> None:
        if answer.code >= 500 or answer.code in _WORTH_ANOTHER_TRY:
            raise ConnectionError(f"{self.host} answered {answer.code}") from None
        hint = "; redirects are not followed, give the final URL" if 300 <= answer.code < 400 else ""
        raise WebhookRefusedError(f"{self.host} answered {answer.code}{hint}") from None

    def _body(self, record: logging.LogRecord) -> bytes:
        if self._text_key is not None:
            return orjson.dumps({self._text_key: (self.formatter or _TEXT).format(record)})
        return self.formatter.format(record).encode() if self.formatter else encoding.encode(record).rstrip(b"\n")

    def _count(self, answer: str) -> None:
        self.answers[answer] = self.answers.get(answer, 0) + 1


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _delivery(record: logging.LogRecord) -> str:
    """Return what the record is known by at every try: its place in the handler's stream."""
    stream, seq = getattr(record, "stream", None), getattr(record, "seq", None)
    return f"{stream}-{seq}" if stream is not None and seq is not None else secrets.token_hex(8)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and url.isprintable()
        _ = parts.port
    except (AttributeError, TypeError, ValueError):
        raise OptionError(f"url={url!r} is not a URL; give one such as 'https://hooks.example.com/aura'.") from None
    if not is_right or " " in url:
        raise OptionError(f"url={url!r} cannot be posted to; give one such as 'https://hooks.example.com/aura'.")
    if parts.username is not None or parts.password is not None:
        raise OptionError("url has a user name or password in it; give headers={'Authorization': ...} instead.")
    return url


def _key(secret: str | None) -> bytes | None:
    if secret is None:
        return None
    if not isinstance(secret, str) or not secret:
        raise OptionError("secret is empty or no string; leave it out to send unsigned requests.")
    if not secret.startswith(_BASE64_SECRET):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_BASE64_SECRET), validate=True)
    except binascii.Error:
        raise OptionError(f"secret begins with {_BASE64_SECRET!r}, but what follows is not Base64.") from None


def _checked_headers(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    for name, value in (headers or {}).items():
        is_text = isinstance(name, str) and isinstance(value, str)
        if not is_text or not name or not (name + value).isascii() or not (name + value).isprintable():
            raise OptionError(f"headers has {name!r}, whose name or value cannot be sent; give printable ASCII.")
    return headers or {}
