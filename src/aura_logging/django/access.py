"""Let monitoring machines in without a login: by their address, or by a token; nobody else.

    @monitoring_only
    def health(request): ...

An address counts only when it is certain (`TrustedProxies.certain_client`). A site behind a proxy that it was not told
of in `AURA["CONTEXT"]["trusted_proxies"]` sees that proxy's address on every request: it must not let in the world.
"""

from __future__ import annotations

import functools
import hmac
import ipaddress
from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from aura_logging.client_address import TrustedProxies
from aura_logging.django.conf import options
from aura_logging.django.metrics_store import MetricsOptions
from aura_logging.django.requests import ContextOptions, address_headers

__all__ = ["is_monitoring", "monitoring_only"]

View = Callable[[HttpRequest], HttpResponseBase]

_FORWARDING = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
"""What proxies write: where one is there and tells no address, somebody is behind the one we see."""

_REFUSAL = (
    'Forbidden. This page answers to the addresses in AURA["METRICS"]["allowed_networks"], and to whoever sends\n'
    'AURA["METRICS"]["token"] as "Authorization: Bearer ...". Behind a proxy, name it in\n'
    'AURA["CONTEXT"]["trusted_proxies"], or use the token.\n'
)


def monitoring_only(view: View) -> View:
    """Answer GET and HEAD of machines that `is_monitoring` lets in, 405 to their other methods, 403 to everyone else.

    No login is asked for, also where `LoginRequiredMiddleware` asks for one everywhere. No cache keeps the answer.
    """
    read_only = require_safe(view)

    @functools.wraps(view)
    def checked(request: HttpRequest) -> HttpResponseBase:
        if is_monitoring(request):
            response = read_only(request)
        else:
            response = HttpResponse(_REFUSAL, status=403, content_type="text/plain; charset=utf-8")
        response["Cache-Control"] = "no-store"
        return response

    return login_not_required(checked)


def is_monitoring(request: HttpRequest) -> bool:
    """Tell whether a request comes from an allowed network or has the token."""
    chosen = options(MetricsOptions)
    return _has_token(request, chosen.token) or _is_near(request, chosen.allowed_networks)


def _has_token(request: HttpRequest, token: str | None) -> bool:
    scheme, _, given = (request.META.get("HTTP_AUTHORIZATION") or "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    # In constant time: how long it takes must not tell how much of it was right.
    return hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), token.encode())


def _is_near(request: HttpRequest, networks: tuple[str, ...]) -> bool:
    remote, forwarded_for = address_headers(request)
    if not forwarded_for and any(header in request.META for header in _FORWARDING):
        return False
    client = _proxies(options(ContextOptions).trusted_proxies).certain_client(remote, forwarded_for)
    if client is None:
        return False
    address = ipaddress.ip_address(client)
    return any(address in network for network in _networks(networks))


@functools.lru_cache(maxsize=8)
def _proxies(trusted: tuple[str, ...]) -> TrustedProxies:
    return TrustedProxies(trusted)


@functools.lru_cache(maxsize=8)
def _networks(networks: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(network, strict=False) for network in networks)
