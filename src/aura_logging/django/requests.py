"""Say what is known of a Django request before anything else has looked at it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from aura_logging.client_address import TrustedProxies
from aura_logging.django.conf import declare
from aura_logging.django.logins import country_of
from aura_logging.django.new_traces import NewTraces
from aura_logging.propagation import REQUEST_ID_HEADERS, Trace, accept
from aura_logging.resilience.id_source import IdSource

__all__ = ["ContextOptions", "address_headers", "first_fields", "trace_of"]

_MAX_USER_AGENT = 512
# Longer than thirty hops; a stranger's part of the header is not worth reading, nor keeping.
_MAX_FORWARDED_FOR = 1_024
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)  # RFC 9110, 5.6.2: a token


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """`AURA["CONTEXT"]`: whom to believe about the client, and which headers carry a request id.

    `trusted_proxies` are addresses, networks, or `"unix"` for a proxy that connects through a Unix socket; with
    none, `X-Forwarded-For` is ignored. A server that reads that header itself has decided already: uvicorn does, when
    called from 127.0.0.1, unless it is started with `--no-proxy-headers`. `response_header` answers with the
    correlation id; empty for none.
    """

    trusted_proxies: tuple[str, ...] = ()
    request_id_headers: tuple[str, ...] = REQUEST_ID_HEADERS
    response_header: str = "X-Request-ID"

    def __post_init__(self) -> None:
        TrustedProxies(self.trusted_proxies)
        for name in (*self.request_id_headers, *filter(None, [self.response_header])):
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be the name of a header; use one like 'X-Request-ID'.")


declare("CONTEXT", ContextOptions)

_mint = IdSource()
_new_trace = NewTraces(_mint)


def trace_of(request: HttpRequest, options: ContextOptions) -> Trace:
    """Return the caller's ids where they are well formed, new ones otherwise."""
    meta = request.META
    # Not `request.headers`: it sorts through every header, 10 µs that most requests never spend.
    if meta.keys().isdisjoint(_meta_names(options.request_id_headers)):
        return _new_trace()
    return accept(lambda name: meta.get(_meta_name(name)), request_id_headers=options.request_id_headers, mint=_mint)


def first_fields(
    request: HttpRequest, trace: Trace, proxies: TrustedProxies, *, with_country: bool = False
) -> dict[str, Any]:
    """Return what is known before any middleware ran: ids, client, method, path.

    `with_country` where a database of countries is configured.
    """
    meta = request.META
    fields: dict[str, Any] = trace.fields()
    fields["method"] = request.method
    fields["path"] = request.path
    remote, forwarded_for = address_headers(request)
    client_ip = proxies.client(remote, forwarded_for)
    if client_ip is not None:
        fields["client_ip"] = client_ip
        country_code = country_of(client_ip) if with_country else None
        if country_code is not None:
            fields["country_code"] = country_code
    user_agent = meta.get("HTTP_USER_AGENT")
    if user_agent:
        fields["user_agent"] = user_agent[:_MAX_USER_AGENT]
    return fields


def address_headers(request: HttpRequest) -> tuple[str, str]:
    """Return the peer's address and what was written of those before it, as `TrustedProxies` reads them."""
    meta = request.META
    forwarded_for = meta.get("HTTP_X_FORWARDED_FOR")
    return meta.get("REMOTE_ADDR") or "", _last_hops(forwarded_for) if forwarded_for else ""


def _last_hops(forwarded_for: str) -> str:
    if len(forwarded_for) <= _MAX_FORWARDED_FOR:
        return forwarded_for
    # From the first whole hop on: half an address may read as another one.
    return forwarded_for[-_MAX_FORWARDED_FOR:].partition(",")[2]


@functools.cache
def _meta_names(request_id_headers: tuple[str, ...]) -> tuple[str, ...]:
    """Return where the caller's ids may be."""
    return tuple(map(_meta_name, ("traceparent", *request_id_headers)))


@functools.cache
def _meta_name(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")
