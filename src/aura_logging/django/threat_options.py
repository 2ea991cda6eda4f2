"""Say, in a settings section, what is looked at, and from where on it is a threat."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from aura_logging.django.conf import declare
from aura_logging.options import OptionError, fill, from_env, nearest
from aura_logging.threats.login_guard import LoginGuardOptions
from aura_logging.threats.shared_windows import check_windows_url

__all__ = ["HEADERS", "ThreatOptions", "login_store"]

HEADERS: Final[Mapping[str, str]] = {
    "user-agent": "HTTP_USER_AGENT",
    "referer": "HTTP_REFERER",
    "host": "HTTP_HOST",
    "cookie": "HTTP_COOKIE",
    "x-forwarded-for": "HTTP_X_FORWARDED_FOR",
    "x-forwarded-host": "HTTP_X_FORWARDED_HOST",
    "origin": "HTTP_ORIGIN",
}
"""Headers that can be inspected, and where Django keeps them."""

_FILE = "aura-logins.db"
_ACCOUNTS = ("pseudonym", "clear", "omit")


@dataclass(frozen=True, slots=True)
class ThreatOptions:
    """`AURA["THREATS"]`: what is looked at, and from where on it is a threat.

    `headers` are those that are inspected; `inspect_bodies` has forms and JSON looked at that a view has read. A threat
    below `minimum_score` (0.5 to 1) is not reported.

    `login_guard` has thresholds by name, see `LoginGuardOptions`. `login_store` is where processes count together: a
    path, `sqlite:///…`, `redis://…`, or `memory` for each alone. By default the Redis of the metrics or of `REDIS_URL`
    if there is one, else `aura-logins.db` beside the metrics' database, or in the log directory (`AURA_LOG_DIR`, else
    `logs`).

    `accounts` says what a record tells of the account that somebody tried to log in to: a `pseudonym`, equal for equal
    names; the name in `clear`; or nothing (`omit`). `geoip_database` is a MaxMind file, if there is one; `proxies` are
    addresses and networks that say nothing about where somebody is.
    """

    inspect_requests: bool = True
    inspect_bodies: bool = False
    headers: tuple[str, ...] = ("user-agent", "referer", "host", "cookie")
    minimum_score: float = 0.5
    accounts: str = "pseudonym"
    login_guard: Mapping[str, Any] = field(default_factory=dict)
    login_store: str | None = None
    redis_url: str | None = from_env("REDIS_URL", None)
    geoip_database: str | None = None
    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.headers if name not in HEADERS]
        if unknown:
            raise ValueError(f"headers has {unknown[0]!r}; use some of {', '.join(HEADERS)}.")
        if not 0 <= self.minimum_score <= 1:
            raise ValueError(f"minimum_score={self.minimum_score!r}; it is a share, 0 to 1.")
        if self.accounts not in _ACCOUNTS:
            raise ValueError(f"accounts={self.accounts!r}. {nearest(self.accounts, _ACCOUNTS)}")
        try:
            fill(LoginGuardOptions, self.login_guard, where="login_guard", environ={})
            if self.login_store is not None:
                check_windows_url(self.login_store)
        except OptionError as error:
            raise ValueError(str(error)) from error


declare("THREATS", ThreatOptions)


def login_store(chosen: ThreatOptions) -> str:
    """Return where logins are counted: what was chosen, else the metrics' Redis, else a file beside their database.

    In memory where the metrics are; where no store is named, that file is in the log directory.
    """
    if chosen.login_store is not None:
        return chosen.login_store
    stores = [*_metrics_stores(), chosen.redis_url or ""]
    for url in stores:
        # REDIS_URL may be there for others, who speak to it with another client.
        if url.partition("://")[0] in ("redis", "rediss", "unix") and importlib.util.find_spec("redis") is not None:
            return url
    for url in stores:
        if url.startswith("memory://"):  # as in tests, where nothing is to be on disk
            return "memory"
        if url.startswith("sqlite:///"):
            return str(Path(url.removeprefix("sqlite:///")).with_name(_FILE))
    return str(Path(os.environ.get("AURA_LOG_DIR") or "logs") / _FILE)


def _metrics_stores() -> list[str]:
    """Return the URLs of the metrics' stores that the settings name, as far as they are plain data."""
    sections = getattr(settings, "AURA", None) or {}
    handlers = (getattr(settings, "LOGGING", None) or {}).get("handlers") or {}
    named = [sections.get("METRICS") or {}, *(h for h in handlers.values() if isinstance(h, Mapping))]
    ours = [one for one in named[1:] if str(one.get("class") or one.get("()")).endswith("MetricsHandler")]
    return [url for one in (named[0], *ours) if isinstance(url := one.get("store"), str)]
