"""The client's address is what a trusted proxy says, and never what a stranger writes."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.client_address import TrustedProxies

OURS = TrustedProxies(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])

trusted = st.one_of(
    st.ip_addresses(v=4, network="10.0.0.0/8"), st.just("192.0.2.7"), st.ip_addresses(v=6, network="fd00::/8")
).map(str)
strangers = st.ip_addresses().filter(
    lambda a: (
        not (a.version == 6 and a.ipv4_mapped) and not any(a in n for n in OURS._networks if n.version == a.version)
    )
)
hostile_hops = st.one_of(
    st.text(max_size=30),
    st.ip_addresses().map(str),
    trusted,
    st.sampled_from(["unknown", "_hidden", "127.0.0.1", '"[::1]"', "10.0.0.1:80", "::ffff:10.0.0.1", "localhost", ""]),
)
headers = st.lists(hostile_hops, max_size=6).map(",".join)


@given(strangers, headers)
def test_a_stranger_cannot_change_its_address_by_any_header(stranger: Any, header: str) -> None:
    assert OURS.client(str(stranger), header) == str(stranger)


@given(st.ip_addresses(), headers)
def test_with_no_proxy_trusted_the_header_is_nothing(peer: Any, header: str) -> None:
    nobody = TrustedProxies()

    assert nobody.client(str(peer), header) == nobody.client(str(peer))


@given(headers, strangers, st.lists(trusted, min_size=1, max_size=4))
def test_what_a_stranger_wrote_before_our_proxies_changes_nothing(forged: str, client: Any, chain: list[str]) -> None:
    *forwarders, peer = chain
    header = ", ".join([*filter(None, [forged]), str(client), *forwarders])

    assert OURS.client(peer, header) == str(client)


@given(st.text(max_size=20), headers, st.lists(st.sampled_from(["10.0.0.0/8", "unix", "::/0"])))
def test_the_answer_is_a_valid_address_or_none(remote: str, header: str, proxies: list[str]) -> None:
    client = TrustedProxies(proxies).client(remote, header)

    assert client is None or str(ipaddress.ip_address(client)) == client


@pytest.mark.parametrize(
    ("remote", "header", "client"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.9, 10.2.3.4, 192.0.2.7", "198.51.100.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.9:49152", "198.51.100.9"),
        ("10.0.0.1", '"[2001:db8::1]:443"', "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "2001:DB8:0:0::1", "2001:db8::1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "::ffff:198.51.100.9", "198.51.100.9"),
        ("::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("fd00::1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9\r\nX: y", "10.0.0.1"),
        ("", "198.51.100.9", None),
        ("nonsense", "198.51.100.9", None),
    ],
)
def test_the_right_most_hop_that_is_not_ours_is_the_client(remote: str, header: str, client: str | None) -> None:
    assert OURS.client(remote, header) == client
    assert OURS.client(remote, header) == client, "and so it is when it is asked for again"


def test_a_unix_socket_is_trusted_where_that_is_said_and_a_missing_address_is_nobody_elsewhere() -> None:
    assert TrustedProxies(["unix"]).client("", "198.51.100.9") == "198.51.100.9"
    assert TrustedProxies(["unix"]).client("", "") is None
    assert TrustedProxies(["unix"]).client("203.0.113.5", "6.6.6.6") == "203.0.113.5"
    assert TrustedProxies(["unix"]).client("nonsense", "6.6.6.6") is None
    assert TrustedProxies(["unix", "10.0.0.0/8"]).client("", "198.51.100.9, 10.0.0.1") == "198.51.100.9"


@given(strangers, headers)
def test_what_a_stranger_writes_makes_its_address_certain_or_unknown_but_never_another(
    stranger: Any, header: str
) -> None:
    assert OURS.certain_client(str(stranger), header) in (str(stranger), None)
    assert OURS.certain_client("10.0.0.1", f"{header}, {stranger}") in (str(stranger), None)


@pytest.mark.parametrize(
    ("remote", "header", "client"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "127.0.0.1", None),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.9", None),
        ("10.0.0.1", "6.6.6.6, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.9, unknown", None),
        ("10.0.0.1", "unknown, 10.0.0.2", None),
        ("10.0.0.1", "127.0.0.1", None),
        ("10.0.0.1", "127.0.0.1, 10.9.9.9", None),
        ("", "198.51.100.9", None),
        ("", "", None),
        ("nonsense", "", None),
    ],
)
def test_a_door_opens_for_a_certain_address_only(remote: str, header: str, client: str | None) -> None:
    assert OURS.certain_client(remote, header) == client


def test_a_local_proxy_may_tell_of_local_clients() -> None:
    local = TrustedProxies(["127.0.0.1", "unix"])

    assert local.certain_client("127.0.0.1", "127.0.0.1") == "127.0.0.1"
    assert local.certain_client("127.0.0.1", "127.0.0.2, 127.0.0.1") == "127.0.0.2"
    assert local.certain_client("", "127.0.0.1") == "127.0.0.1"
    assert local.certain_client("", "") is None
    assert local.certain_client("127.0.0.1", "127.0.0.1, 198.51.100.9") == "198.51.100.9"


@pytest.mark.parametrize("entry", ["proxy.example", "10.0.0.0/33", "10.0.0", "", "unix:/run/x.sock", 10, None])
def test_an_entry_that_is_no_address_is_an_error_that_names_it(entry: Any) -> None:
    with pytest.raises(ValueError, match="trusted_proxies has") as caught:
        TrustedProxies(["10.0.0.1", entry])

    assert repr(entry) in str(caught.value)


def test_one_address_in_place_of_a_list_is_an_error_that_shows_the_list() -> None:
    with pytest.raises(ValueError, match=r"\['10.0.0.1'\]"):
        TrustedProxies("10.0.0.1")


def test_a_network_may_be_written_with_host_bits() -> None:
    assert TrustedProxies(["10.1.2.3/8"]).client("10.0.0.1", "198.51.100.9") == "198.51.100.9"


def test_a_flood_of_forged_headers_fills_no_memory() -> None:
    proxies = TrustedProxies(["10.0.0.0/8"])
    for number in range(200):
        proxies.client("203.0.113.5", f"6.6.6.{number}" + ", 6.6.6.6" * 1_000)
        proxies.client("10.0.0.1", f"6.6.6.{number}" + ", 6.6.6.6" * 1_000)

    remembered = proxies._behind.cache_info().currsize + proxies._peer.cache_info().currsize

    assert remembered == 2
