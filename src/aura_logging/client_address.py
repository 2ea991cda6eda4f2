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

_LONGEST_REMEMBERED = 256
"""Characters of an `X-Forwarded-For`: room for six IPv6 hops, and for 1 MB of them in memory at most."""


class TrustedProxies:
    """The proxies whose word is believed: addresses, networks (`10.0.0.0/8`), and `unix` for a Unix socket.

    With none, only the address of the connection itself counts: the header can be written by anybody.
    `ValueError` names an entry that is neither.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        if isinstance(trusted, str):
            raise ValueError(f"trusted_proxies={trusted!r} must be a list of addresses: [{trusted!r}].")  # noqa: TRY004  # as below
        networks: list[Network] = []
        self._trusts_unix_socket = False
        for entry in trusted:
            if entry == "unix":
                self._trusts_unix_socket = True
                continue
            try:
                # A number is an address to `ipaddress`, and hardly to whoever wrote it.
                networks.append(ipaddress.ip_network(entry if isinstance(entry, str) else "", strict=False))
            except ValueError as error:
                raise ValueError(
                    f"trusted_proxies has {entry!r}, which is no address, network or 'unix': {error}"
                ) from None
        self._networks = tuple(networks)
        # Parsing costs microseconds, and a site sees the same proxies and clients again and again. What strangers
        # write is kept only when it is short, and when it counts.
        self._peer = functools.lru_cache(maxsize=4_096)(self._find_peer)
        self._behind = functools.lru_cache(maxsize=4_096)(self._find_behind)

    def client(self, remote: str, forwarded_for: str = "") -> str | None:
        """Return the client's address in its shortest spelling, or `None` where there is no valid one.

        `remote` is the peer of the connection (`REMOTE_ADDR`; empty on a Unix socket), `forwarded_for` the
        `X-Forwarded-For` header as it came.
        """
        peer, is_trusted = self._peer(remote)
        if not is_trusted or not forwarded_for:
            return peer
        find = self._behind if len(forwarded_for) <= _LONGEST_REMEMBERED else self._find_behind
        return find(forwarded_for) or peer

    def certain_client(self, remote: str, forwarded_for: str = "") -> str | None:
        """Return the client's address if nothing about it is a guess, else `None`: ask this before a door is opened.

        `client` settles for the nearest address it knows, which is right for a log line. Here a header that nobody
        is trusted to write, or a hop that cannot be read, makes the address unknown. So does a loopback hop that
        another machine wrote down: it is that machine's loopback.
        """
        nearest, is_trusted = _address(remote), self._peer(remote)[1]
        if not forwarded_for:
            return None if nearest is None else str(nearest)
        if not is_trusted:
            return None
        is_local = nearest is None or nearest.is_loopback
        for hop in reversed(forwarded_for.split(",")):
            nearest = _address(hop)
            if nearest is None or (nearest.is_loopback and not is_local):
                return None
            if not self._trusts(nearest):
                break
            is_local = nearest.is_loopback
        return str(nearest)

    def _find_peer(self, remote: str) -> tuple[str | None, bool]:
        address = _address(remote)
        if address is None:
            return None, self._trusts_unix_socket and not remote
        return str(address), self._trusts(address)

    def _find_behind(self, forwarded_for: str) -> str | None:
        client: Address | None = None
        for hop in reversed(forwarded_for.split(",")):
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
