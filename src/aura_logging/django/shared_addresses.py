"""Notice a proxy that the settings do not name: all its clients seem to have its address."""

from __future__ import annotations

import functools
import ipaddress

from django.http import HttpRequest

__all__ = ["is_everybodys", "unnamed_proxies"]

_FORWARDING = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")

# Where proxies live that talk to an application: loopback, RFC 1918, RFC 6598 (shared), link-local, RFC 4193.
_NEAR = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
        "::1/128", "fe80::/10", "fc00::/7",
    )
)  # fmt: skip

_MOST_REMEMBERED = 20
_unnamed: set[str] = set()


def is_everybodys(address: str, request: HttpRequest | None) -> bool:
    """Tell a client's address that is a proxy's: that of a machine nearby which says for whom it calls.

    One that is trusted has its clients' addresses taken instead. By such an address nobody can be judged: a busy site
    would be one flood. A public address is always somebody's own: there anybody can write the headers.
    """
    if request is None or not _is_near(address) or address != request.META.get("REMOTE_ADDR"):
        return False
    if not any(map(request.META.get, _FORWARDING)):
        return False
    if len(_unnamed) < _MOST_REMEMBERED:
        _unnamed.add(address)
    return True


def unnamed_proxies() -> list[str]:
    """Return the proxies of which `is_everybodys` has told so far, 20 at most."""
    return sorted(_unnamed)


@functools.lru_cache(maxsize=1_024)
def _is_near(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _NEAR)
