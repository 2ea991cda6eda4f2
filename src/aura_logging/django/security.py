"""See threats where Django sees them: in requests, in logins that fail, in users who are in two places."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.signals import setting_changed
from django.http import HttpRequest

from aura_logging import context
from aura_logging.django.conf import declare, options
from aura_logging.options import OptionError, fill
from aura_logging.threats import Inspector, Threat
from aura_logging.threats.geo import JourneyWatch
from aura_logging.threats.login_guard import LoginGuard, LoginGuardOptions
from aura_logging.threats.sqlite_windows import SqliteWindows
from aura_logging.threats.windows import MemoryWindows

__all__ = ["ThreatOptions", "connect", "inspect_request", "observe_request"]

log = logging.getLogger("aura.security")

_HEADERS = {"user-agent": "HTTP_USER_AGENT", "referer": "HTTP_REFERER", "host": "HTTP_HOST", "cookie": "HTTP_COOKIE"}
_LONGEST_ACCOUNT = 254


@dataclass(frozen=True, slots=True)
class ThreatOptions:
    """`AURA["THREATS"]`: what is looked at, and from where on it is a threat.

    `headers` are those that are inspected. A threat below `minimum_score` (0.5 to 1) is not reported. `login_guard`
    has thresholds by name, see `LoginGuardOptions`. `login_store` is the SQLite file through which the processes of a
    host count together, by default `aura-logins.db` in the log directory; `"memory"` has each count alone.
    `geoip_database` is a MaxMind file, if there is one; `proxies` are addresses and networks that say nothing about
    where somebody is.
    """

    inspect_requests: bool = True
    headers: tuple[str, ...] = ("user-agent", "referer", "host", "cookie")
    minimum_score: float = 0.5
    login_guard: Mapping[str, Any] = field(default_factory=dict)
    login_store: str | None = None
    geoip_database: str | None = None
    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.headers if name not in _HEADERS]
        if unknown:
            raise ValueError(f"headers has {unknown[0]!r}; use some of {', '.join(_HEADERS)}.")
        if not 0 <= self.minimum_score <= 1:
            raise ValueError(f"minimum_score={self.minimum_score!r}; it is a share, 0 to 1.")
        try:
            fill(LoginGuardOptions, self.login_guard, where="login_guard", environ={})
        except OptionError as error:
            raise ValueError(str(error)) from error


declare("THREATS", ThreatOptions)

_inspector = Inspector()


def connect() -> None:
    """Connect the receivers; connecting twice is harmless."""
    user_login_failed.connect(_login_failed, dispatch_uid="aura_logging.login_failed")
    user_logged_in.connect(_logged_in, dispatch_uid="aura_logging.logged_in")


def inspect_request(request: HttpRequest) -> list[Threat]:
    """Return the threats in a request's path, query and headers, the most certain first; never raises.

    Reads nothing of the request that has to be computed or received: not the body, not the user, not the session.
    An ordinary request costs about 3 us. Call it after the response.
    """
    chosen = options(ThreatOptions)
    if not chosen.inspect_requests:
        return []
    meta = request.META
    parts = {"path": request.path, "query": meta.get("QUERY_STRING") or ""}
    for name in chosen.headers:
        value = meta.get(_HEADERS[name])
        if value:
            parts[name] = value
    threats = _inspector.inspect(parts)
    if threats and chosen.minimum_score > threats[-1].score:
        threats = [threat for threat in threats if threat.score >= chosen.minimum_score]
    return threats


def observe_request(request: HttpRequest) -> str | None:
    """Inspect a request, count it against floods, log what was found on `aura.security`, and return its `threat_type`.

    One record a request: the most certain threat, and the kinds of the others in `threats`. The context's fields
    (who, what, from where, the correlation id) join it to the request's other lines.
    """
    threats = inspect_request(request)
    flood = _guard().requested(_address(request))
    if flood is not None:
        _log("request flood seen", flood.threat_type, count=flood.count, window_seconds=flood.window_seconds)
    if not threats:
        return None if flood is None else flood.threat_type
    first = threats[0]
    _log(
        "threat seen in request",
        first.kind,
        threat_score=first.score,
        threat_rule=first.rule,
        threat_location=first.location,
        threat_evidence=first.evidence,
        threats=sorted({threat.kind for threat in threats}),
    )
    return first.kind


def _login_failed(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    account = _account(credentials)
    address = _address(request)
    _log("login failed", "authentication_failure", account=account)
    for threat in _guard().failed(account, address):
        _log(
            "login attack seen",
            threat.threat_type,
            account=threat.account,
            scope=threat.scope,
            count=threat.count,
            window_seconds=threat.window_seconds,
        )


def _logged_in(request: HttpRequest | None, user: Any, **_: Any) -> None:
    address = _address(request)
    _guard().succeeded(_name_of(user), address)
    watch = _watch()
    if watch is None or not address:
        return
    for journey in watch.seen(str(user.pk), address):
        _log(
            "unlikely journey seen",
            journey.threat_type,
            user_id=journey.user_id,
            country_code=journey.place.country_code,
            country_before=journey.before.country_code,
            distance_km=round(journey.km),
            # JSON has no infinity.
            speed_km_per_hour=min(round(journey.km_per_hour, 1), 1e9) if journey.km_per_hour else 0.0,
        )


def _log(message: str, threat_type: str, **fields: Any) -> None:
    log.warning(message, extra={"security_event": True, "threat_type": threat_type, **fields})


def _account(credentials: Mapping[str, Any]) -> str:
    # What a backend calls the name is up to it; Django has replaced the secrets already.
    for name in (str(get_user_model().USERNAME_FIELD), "username", "email"):
        value = credentials.get(name)
        if value:
            return str(value)[:_LONGEST_ACCOUNT]
    return ""


def _name_of(user: Any) -> str:
    return str(user.get_username())[:_LONGEST_ACCOUNT]


def _address(request: HttpRequest | None) -> str:
    """Return the client's address as the context has it: past trusted proxies and no further."""
    bound = context.fields().get("client_ip")
    if isinstance(bound, str) and bound:
        return bound
    return "" if request is None else request.META.get("REMOTE_ADDR") or ""


@functools.cache
def _guard() -> LoginGuard:
    chosen = options(ThreatOptions)
    thresholds = fill(LoginGuardOptions, chosen.login_guard, where='AURA["THREATS"]["login_guard"]', environ={})
    if chosen.login_store == "memory":
        return LoginGuard(MemoryWindows(), thresholds)
    path = chosen.login_store or Path(os.environ.get("AURA_LOG_DIR") or "logs") / "aura-logins.db"
    return LoginGuard(SqliteWindows(path), thresholds)


@functools.cache
def _watch() -> JourneyWatch | None:
    chosen = options(ThreatOptions)
    if not chosen.geoip_database:
        return None
    from aura_logging.integrations.geoip import MaxMindLocator

    return JourneyWatch(MaxMindLocator(chosen.geoip_database), proxies=chosen.proxies)


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "AURA":
        _guard.cache_clear()
        _watch.cache_clear()


setting_changed.connect(_forget, dispatch_uid="aura_logging.security")
