"""See threats in requests, and say so on the request's own record and on `aura.security`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_plus

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase

from aura_logging.django import bodies_read, logins
from aura_logging.django.conf import made_of_options, options
from aura_logging.django.security_events import (
    account_event,
    failed_to_watch,
    failures,
    never_raises,
    storms,
    tell,
    tell_of_ends,
)
from aura_logging.django.shared_addresses import unnamed_proxies
from aura_logging.django.threat_options import HEADERS, ThreatOptions
from aura_logging.health import Health, Status, hear, worst
from aura_logging.options import OptionError
from aura_logging.privacy.field_names import SecretNames
from aura_logging.threats import QUIET, Inspection, Inspector, Threat
from aura_logging.threats.recurring import QuietTexts

__all__ = [
    "ThreatOptions",
    "account_event",
    "connect",
    "health",
    "inspect_request",
    "keep_parsed_body",
    "observe_request",
]

_SECRET_PAIR = re.compile(r"([^&;?=\s]{1,200})=([^&;]*)")

_inspector = Inspector()
_quiet_texts = QuietTexts()
# What is the same on many requests; so is the path, which stands on each line of a request, whatever it holds.
_RECURRING = frozenset(("HTTP_USER_AGENT", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_X_FORWARDED_HOST"))
# A password may look like anything, an attack among it, and is never evidence.
_names = SecretNames()


def connect() -> None:
    """Connect the receivers; `ImproperlyConfigured` if something that the settings name cannot be opened."""
    logins.connect()
    hear("security", health)
    try:
        logins.guard()
        if options(ThreatOptions).geoip_database:
            logins.watch()
    except (OptionError, OSError, ValueError, ImportError) as error:
        raise ImproperlyConfigured(f'AURA["THREATS"]: {error}') from error


def inspect_request(request: HttpRequest) -> Inspection:
    """Return the threats in a request's path, query and headers, the most certain first, and what was cut.

    Reads nothing of the request that has to be computed or received: not the user, not the session, and of the body
    only what the view has read already, if `inspect_bodies` says so. An ordinary request costs 1 to 3 µs. Call it
    after the response.
    """
    chosen = made_of_options(_chosen)
    if not chosen.options.inspect_requests:
        return QUIET
    if not chosen.options.inspect_bodies and _is_quiet(request, chosen):
        return QUIET
    return _inspect(request, chosen.options)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What the settings say of inspection, with where a request has what is looked at."""

    options: ThreatOptions
    recurring: tuple[str, ...]
    others: tuple[str, ...]


def _chosen() -> _Chosen:
    chosen = options(ThreatOptions)
    keys = [HEADERS[name] for name in chosen.headers]
    return _Chosen(
        chosen,
        tuple(key for key in keys if key in _RECURRING),
        ("QUERY_STRING", *(key for key in keys if key not in _RECURRING)),
    )


def _is_quiet(request: HttpRequest, chosen: _Chosen) -> bool:
    """Tell what nearly every request comes to, for a third of what it costs to lay out its parts by name."""
    header = request.META.get
    try:
        unknown = _quiet_texts.unknown((request.path, *map(header, chosen.recurring)))
        text = "\n".join((*unknown, *filter(None, map(header, chosen.others))))
        if text and not _inspector.is_quiet(text):
            return False
    except TypeError:  # a part is no string: it is made one by whoever looks closer
        return False
    if unknown:
        _quiet_texts.add(unknown)
    return True


def _inspect(request: HttpRequest, chosen: ThreatOptions) -> Inspection:
    meta = request.META
    parts: dict[str, Any] = {"path": request.path, "query": meta.get("QUERY_STRING") or ""}
    for name, key in _meta_names(chosen.headers):
        if value := meta.get(key):
            parts[name] = value
    if chosen.inspect_bodies and (body := bodies_read.parsed_body(request)):
        parts["body"] = body
    seen = _inspector.examine(parts)
    if seen.threats:
        seen = Inspection(tuple(_without_secret_evidence(threat, parts) for threat in seen.threats), seen.cut)
    if seen.threats and chosen.minimum_score > seen.threats[-1].score:
        return Inspection(tuple(t for t in seen.threats if t.score >= chosen.minimum_score), seen.cut)
    return seen


@functools.cache
def _meta_names(headers: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the headers that are looked at, with where a request has them."""
    return tuple((name, HEADERS[name]) for name in headers)


def _tell_of_threats(address: str, seen: Inspection) -> dict[str, Any]:
    fields: dict[str, Any] = {"security_event": False}
    if seen.cut:
        fields["inspection_cut"] = list(seen.cut)
    if not seen.threats:
        return fields
    first = seen.threats[0]
    tell(
        "threat seen in request",
        first.kind,
        address,
        threat_score=first.score,
        threat_rule=first.rule,
        threat_location=first.location,
        threat_evidence=first.evidence,
        threats=sorted({threat.kind for threat in seen.threats}),
    )
    return fields | {"security_event": True, "threat_type": first.kind}


def observe_request(request: HttpRequest, address: str | None = None) -> dict[str, Any]:
    """Inspect a request, count it, log what was found on `aura.security`, and return fields for `aura.request`.

    `address` is the client's, past trusted proxies; without it the context is asked. The fields are `security_event`
    always, `threat_type` of the most certain threat, and `inspection_cut` where a part was too long to be looked at
    whole. There is one record on `aura.security` for each request with a threat, with the kinds of all in `threats`,
    unless the request is one of a storm. Never raises, never waits.
    """
    try:
        address = address or logins.address_of(request)
        logins.count_request(request, address)
        seen = inspect_request(request)
        fields = {"security_event": False} if seen is QUIET else _tell_of_threats(address, seen)
        if logins.LOGIN_FAILED in request.__dict__ and not seen.threats:
            fields |= {"security_event": True, "threat_type": "authentication_failure"}
        if over := storms.ended():
            tell_of_ends(over)
    except Exception as error:  # noqa: BLE001  # no request fails for being watched
        failed_to_watch(error)
        return {"security_event": False}
    return fields


def _keep_parsed_body(request: HttpRequest, response: HttpResponseBase) -> None:
    if options(ThreatOptions).inspect_bodies:
        bodies_read.keep_parsed_body(request, response)


keep_parsed_body = never_raises(_keep_parsed_body, None)
"""Have a body inspected, too, that only a framework on top of Django has parsed, where bodies are inspected at all."""


def health() -> Health:
    """Tell whether requests are inspected, whether processes count logins together, and how much was folded."""
    inspector, guard, beside = _inspector.health(), logins.guard().health(), logins.beside.health()
    failed = failures.copy()
    parts = {"inspector": inspector, "login_guard": guard, "login_jobs": beside}
    details = [part.detail for part in parts.values() if part.detail]
    if failed:
        details.append(f"{failed.total()} requests or logins could not be observed")
    proxies = unnamed_proxies()
    if proxies:
        details.append(
            f'requests come through {", ".join(proxies)}, which AURA["CONTEXT"]["trusted_proxies"] does not name: all '
            "clients seem to have that address, so neither floods nor logins are judged by address"
        )
    return Health(
        worst([part.status for part in parts.values()] + [Status.DEGRADED] * bool(failed or proxies)),
        detail="; ".join(details),
        facts={
            **{name: part.as_dict() for name, part in parts.items()},
            "failures": dict(failed),
            "folded_events": storms.folded,
        },
    )


def _without_secret_evidence(threat: Threat, parts: Mapping[str, Any]) -> Threat:
    """Return the threat with evidence from outside of what stands under a secret's name, or with none."""
    text = parts[threat.location]
    if not isinstance(text, str):
        return threat  # a body, whose secrets were left out
    told = _SECRET_PAIR.sub(_withheld, text)
    if told == text:
        return threat
    for other in _inspector.examine({threat.location: told}).threats:
        if other.kind == threat.kind:
            return other
    return replace(threat, evidence="[REDACTED:secret]")


def _withheld(match: re.Match[str]) -> str:
    return f"{match[1]}=" if _names.is_secret(unquote_plus(match[1])) else match[0]
