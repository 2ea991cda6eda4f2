"""Watch who logs in, who fails to, and from where: thresholds across processes, journeys that nobody can make."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.signals import setting_changed
from django.db import connections
from django.http import HttpRequest

from aura_logging import context
from aura_logging.django.accounts import account_of, account_pseudonym
from aura_logging.django.conf import options
from aura_logging.django.security_events import account_event, never_raises, tell, tell_of_account
from aura_logging.django.shared_addresses import is_everybodys
from aura_logging.django.threat_options import ThreatOptions, login_store
from aura_logging.options import fill
from aura_logging.resilience.side_jobs import SideJobs
from aura_logging.threats.geo import JourneyWatch
from aura_logging.threats.login_guard import LoginGuard, LoginGuardOptions, LoginThreat
from aura_logging.threats.shared_windows import open_windows
from aura_logging.threats.visits import SharedVisits
from aura_logging.threats.windows import Windows

__all__ = [
    "LOGIN_FAILED",
    "address_of",
    "beside",
    "connect",
    "count_request",
    "country_of",
    "guard",
    "watch",
]

LOGIN_FAILED = "_aura_login_failed"
"""The request's attribute that says that somebody failed to log in with it."""

beside = SideJobs("aura-logins")
"""Where the login store is asked: it may wait for a disk or a network, and requests must not."""


def connect() -> None:
    """Connect the receivers; connecting twice is harmless."""
    user_login_failed.connect(_when_login_failed, dispatch_uid="aura_logging.login_failed")
    user_logged_in.connect(_when_logged_in, dispatch_uid="aura_logging.logged_in")


def count_request(request: HttpRequest, address: str) -> None:
    """Count a request of this client against floods: here and now; in the login store beside it, every so many."""
    if is_everybodys(address, request):
        return
    watched = guard()
    if watched.count_request(address) and not beside.do(_judge_requests, address):
        watched.put_off(address)


def _look_up_country(address: str) -> str | None:
    place = watch().locate(address)
    return place.country_code or None if place is not None else None


country_of = never_raises(_look_up_country, None)
"""Return the ISO code of an address's country, if the database that must be configured knows it."""


def address_of(request: HttpRequest | None) -> str:
    """Return the client's address as the context has it: past trusted proxies and no further."""
    bound = context.current().get("client_ip")
    if isinstance(bound, str) and bound:
        return bound
    return "" if request is None else request.META.get("REMOTE_ADDR") or ""


def _login_failed(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None:
        # Of Django REST framework's requests, the one within.
        getattr(request, "_request", request).__dict__[LOGIN_FAILED] = True
    name = account_of(credentials)
    account, address = account_pseudonym(name), address_of(request)
    fields = _named(account, name)
    tell("login failed", "authentication_failure", address or account, **fields)
    tell_of_account("authentication_failure", account, fields)
    beside.do(_judge_failure, account, name, "" if is_everybodys(address, request) else address)


def _logged_in(request: HttpRequest | None, user: Any, **_: Any) -> None:
    name, address = str(user.get_username()), address_of(request)
    account = account_pseudonym(name)
    beside.do(guard().succeeded, account, address)
    if options(ThreatOptions).geoip_database and address:
        beside.do(_judge_journey, account, name, user, address)


def _judge_journey(account: str, name: str, user: Any, address: str) -> None:
    try:
        _tell_of_journeys(account, name, user, address)
    finally:
        _close_connections()


def _tell_of_journeys(account: str, name: str, user: Any, address: str) -> None:
    for journey in watch().seen(account_pseudonym(f"id {user.pk}"), address):
        fields: dict[str, Any] = {
            **_named(account, name),
            "user_id": str(user.pk),
            "country_code": journey.place.country_code,
            "country_before": journey.before.country_code,
            "distance_km": round(journey.km),
            # JSON has no infinity.
            "speed_km_per_hour": min(round(journey.km_per_hour, 1), 1e9) if journey.km_per_hour else 0.0,
        }
        tell("odd journey seen", journey.threat_type, account, **fields)
        tell_of_account(journey.threat_type, account, fields, user)


# Django lets what a receiver of these raises fail the login.
_when_login_failed = never_raises(_login_failed, None)
_when_logged_in = never_raises(_logged_in, None)


def _judge_failure(account: str, name: str, address: str) -> None:
    try:
        _tell_of_attacks(account, name, address)
    finally:
        _close_connections()


def _close_connections() -> None:
    if account_event.has_listeners():
        # A receiver may have opened a database connection for this thread, which is about to end.
        connections.close_all()


def _tell_of_attacks(account: str, name: str, address: str) -> None:
    for threat in guard().failed(account, address):
        fields = {"scope": threat.scope, "count": threat.count, "window_seconds": threat.window_seconds}
        if threat.scope in ("account", "pair"):
            fields |= _named(account, name)
        _tell_of_threat("login attack seen", threat, fields)
        tell_of_account(threat.threat_type, account if threat.scope in ("account", "pair") else "", fields)


def _judge_requests(address: str) -> None:
    flood = guard().judge_requests(address)
    if flood is not None:
        _tell_of_threat("request flood seen", flood, {"count": flood.count, "window_seconds": flood.window_seconds})


def _tell_of_threat(message: str, threat: LoginThreat, fields: dict[str, Any]) -> None:
    # Told once by the guard already: each scope of each case is a source of its own.
    tell(message, threat.threat_type, f"{threat.scope} {threat.account} {threat.address}", **fields)


def _named(account: str, name: str) -> dict[str, Any]:
    chosen = options(ThreatOptions).accounts
    if chosen == "omit" or not account:
        return {}
    return {"account": name if chosen == "clear" else account}


@functools.cache
def guard() -> LoginGuard:
    """Return the guard that the settings describe."""
    chosen = options(ThreatOptions)
    thresholds = fill(LoginGuardOptions, chosen.login_guard, where='AURA["THREATS"]["login_guard"]', environ={})
    return LoginGuard(_windows(), thresholds)


@functools.cache
def _windows() -> Windows:
    return open_windows(login_store(options(ThreatOptions)))


@functools.cache
def watch() -> JourneyWatch:
    """Return the watch over journeys; only where there is a database."""
    from aura_logging.integrations.geoip import MaxMindLocator

    chosen = options(ThreatOptions)
    locate = MaxMindLocator(chosen.geoip_database or "")
    return JourneyWatch(locate, proxies=chosen.proxies, memory=SharedVisits(_windows()))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "AURA":
        if _windows.cache_info().currsize:
            close = getattr(_windows(), "close", None)
            if close is not None:
                close()
        guard.cache_clear()
        _windows.cache_clear()
        watch.cache_clear()


setting_changed.connect(_forget, dispatch_uid="aura_logging.logins")
