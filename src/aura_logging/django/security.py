"""See threats in requests, and say so on the request's own record and on `aura.security`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import orjson
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from aura_logging.django import logins
from aura_logging.django.conf import options
from aura_logging.django.security_events import (
    account_event,
    failed_to_watch,
    failures,
    storms,
    tell,
    tell_of_ended_storms,
)
from aura_logging.django.threat_options import HEADERS, ThreatOptions
from aura_logging.health import Health, Status, hear, worst
from aura_logging.options import OptionError
from aura_logging.privacy.field_names import SecretNames
from aura_logging.threats import Inspection, Inspector

__all__ = ["ThreatOptions", "account_event", "connect", "health", "inspect_request", "observe_request"]

_BODY_BYTES_AT_MOST = 65_536
_DEPTH_AT_MOST = 8
_JSON = ("application/json", "+json")

_inspector = Inspector()
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
    only what the view has read already, if `inspect_bodies` says so. An ordinary request costs about 3 us. Call it
    after the response.
    """
    chosen = options(ThreatOptions)
    if not chosen.inspect_requests:
        return Inspection()
    meta = request.META
    parts: dict[str, Any] = {"path": request.path, "query": meta.get("QUERY_STRING") or ""}
    for name, key in _meta_names(chosen.headers):
        if value := meta.get(key):
            parts[name] = value
    if chosen.inspect_bodies and (body := _parsed_body(request)):
        parts["body"] = body
    seen = _inspector.examine(parts)
    if seen.threats and chosen.minimum_score > seen.threats[-1].score:
        return Inspection(tuple(t for t in seen.threats if t.score >= chosen.minimum_score), seen.cut)
    return seen


@functools.cache
def _meta_names(headers: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the headers that are looked at, with where a request has them."""
    return tuple((name, HEADERS[name]) for name in headers)


def _observe(request: HttpRequest) -> dict[str, Any]:
    logins.count_request(request)
    seen = inspect_request(request)
    fields: dict[str, Any] = {"security_event": False}
    if seen.cut:
        fields["inspection_cut"] = list(seen.cut)
    if not seen.threats:
        if logins.LOGIN_FAILED in request.__dict__:
            fields |= {"security_event": True, "threat_type": "authentication_failure"}
        tell_of_ended_storms()
        return fields
    first = seen.threats[0]
    tell(
        "threat seen in request",
        first.kind,
        logins.address_of(request),
        threat_score=first.score,
        threat_rule=first.rule,
        threat_location=first.location,
        threat_evidence=first.evidence,
        threats=sorted({threat.kind for threat in seen.threats}),
    )
    return fields | {"security_event": True, "threat_type": first.kind}


def observe_request(request: HttpRequest) -> dict[str, Any]:
    """Inspect a request, count it, log what was found on `aura.security`, and return fields for `aura.request`.

    Those are `security_event` always, `threat_type` of the most certain threat, and `inspection_cut` where a part was
    too long to be looked at whole. There is one record on `aura.security` for each request with a threat, with the
    kinds of all in `threats`, unless the request is one of a storm. Never raises, never waits.
    """
    try:
        return _observe(request)
    except Exception as error:  # noqa: BLE001  # no request fails for being watched
        failed_to_watch(error)
        return {"security_event": False}


def health() -> Health:
    """Tell whether requests are inspected, whether processes count logins together, and how much was folded."""
    inspector, guard, beside = _inspector.health(), logins.guard().health(), logins.beside.health()
    failed = failures.copy()
    parts = {"inspector": inspector, "login_guard": guard, "login_jobs": beside}
    details = [part.detail for part in parts.values() if part.detail]
    if failed:
        details.append(f"{failed.total()} requests or logins could not be observed")
    return Health(
        worst([part.status for part in parts.values()] + [Status.DEGRADED] * bool(failed)),
        detail="; ".join(details),
        facts={
            **{name: part.as_dict() for name, part in parts.items()},
            "failures": dict(failed),
            "folded_events": storms.folded,
        },
    )


def _parsed_body(request: HttpRequest) -> Any:
    """Return the form or the JSON that the view has read, without what its names say is secret."""
    read = request.__dict__
    form = read.get("_post")
    if form:
        return {name: values for name, values in form.lists() if not _names.is_secret(name)}
    body = read.get("_body")
    if not body or not (request.content_type or "").endswith(_JSON):
        return None
    if len(body) > _BODY_BYTES_AT_MOST:
        return body[:_BODY_BYTES_AT_MOST]
    try:
        return _without_secrets(orjson.loads(body), _DEPTH_AT_MOST)
    except orjson.JSONDecodeError:
        return body


def _without_secrets(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_secrets(v, depth - 1) for k, v in value.items() if not _names.is_secret(k)} if depth else {}
    if isinstance(value, list):
        return [_without_secrets(item, depth - 1) for item in value] if depth else []
    return value
