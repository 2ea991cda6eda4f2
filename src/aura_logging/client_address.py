"""Find the address a request really came from, past the proxies we trust and no further.

Each proxy appends the address it was called from to `X-Forwarded-For`. Whatever stands left of the first hop
that is not ours was written by a stranger, so the right-most untrusted hop is the client.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

__all__ = ["TrustedProxies"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """The proxies whose word is believed: addresses, networks (`10.0.0.0/8`), and `unix` for a Unix socket.

    With none, only the address of the connection itself counts: the header can be written by anybody.
    `ValueError` names an entry that is neither.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        networks: list[Network] = []
        self._trusts_unix_socket = False
        for entry in trusted:
            if entry == "unix":
                self._trusts_unix_socket = True
                continue
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError as error:
                raise ValueError(
                    f"trusted_proxies has {entry!r}, which is no address, network or 'unix': {error}"
                ) from None
        self._networks = tuple(networks)
        # Parsing costs microseconds, and a site sees the same proxies and clients again and again.
        self.client = functools.lru_cache(maxsize=4_096)(self._client)

    def _client(self, remote: str, forwarded_for: str = "") -> str | None:
        """Return the client's address in its shortest spelling, or `None` where there is no valid one.

        `remote` is the peer of the connection (`REMOTE_ADDR`; empty on a Unix socket), `forwarded_for` the
        `X-Forwarded-For` header as it came.
        """
        peer = _address(remote)
        trusted = self._trusts(peer) if peer is not None else self._trusts_unix_socket and not remote
        client = peer
        hops = forwarded_for.split(",") if trusted and forwarded_for else []
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
        return None if client is None else str(client)

    def _trusts(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)


def _address(text: str) -> Address | None:
    """Parse an address as proxies write it: bare, with a port, in brackets, or IPv4 mapped into IPv6."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    text = text.partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
