"""A MaxMind database answers where an address is; what it does not know is None."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from aura_logging.integrations.geoip import MaxMindLocator
from aura_logging.threats.geo import GeoLocator, Place


def encoded(value: Any) -> bytes:
    """Write a value as the MaxMind DB specification 2.0 has it."""
    if isinstance(value, str):
        data = value.encode()
        return bytes([2 << 5 | len(data)]) + data
    if isinstance(value, float):
        return bytes([3 << 5 | 8]) + struct.pack(">d", value)
    if isinstance(value, int):
        return bytes([6 << 5 | 4]) + struct.pack(">I", value)
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(encoded, value))
    return bytes([7 << 5 | len(value)]) + b"".join(encoded(key) + encoded(inner) for key, inner in value.items())


BERLIN = {
    "country": {"iso_code": "DE"},
    "city": {"names": {"en": "Berlin"}},
    "location": {"latitude": 52.52, "longitude": 13.405},
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """One tree of one node: addresses from 128.0.0.0 up are in Berlin, those below are unknown."""
    return written(tmp_path, BERLIN)


def written(tmp_path: Path, place: Any) -> Path:
    metadata = {
        "node_count": 1,
        "record_size": 24,
        "ip_version": 4,
        "database_type": "Test-City",
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_700_000_000,
        "description": {"en": "test"},
    }
    node = (1).to_bytes(3, "big") + (1 + 16).to_bytes(3, "big")
    path = tmp_path / "city.mmdb"
    path.write_bytes(node + bytes(16) + encoded(place) + b"\xab\xcd\xefMaxMind.com" + encoded(metadata))
    return path


def test_an_address_is_placed(database: Path) -> None:
    locate: GeoLocator = MaxMindLocator(database)
    assert locate("192.0.2.1") == Place("DE", "Berlin", 52.52, 13.405)


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::1", "nonsense", ""])
def test_what_is_not_known_is_none(database: Path, address: str) -> None:
    locate = MaxMindLocator(database)
    assert locate(address) is None


def test_after_closing_everything_is_unknown(database: Path) -> None:
    locate = MaxMindLocator(database)
    locate.close()
    assert locate("192.0.2.1") is None


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.mmdb").write_text("no database")
    with pytest.raises(ValueError, match=r"x\.mmdb"):
        MaxMindLocator(tmp_path / "x.mmdb")
    with pytest.raises(OSError):
        MaxMindLocator(tmp_path / "absent.mmdb")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"country": "DE", "city": "Berlin", "location": {"latitude": "far"}}, Place()),
        ({"country": {"iso_code": "DE"}, "city": {"names": ["Berlin"]}}, Place("DE")),
        ({}, Place()),
        ("Berlin", None),
    ],
)
def test_a_database_of_another_shape_is_no_error(tmp_path: Path, place: Any, said: Place | None) -> None:
    assert MaxMindLocator(written(tmp_path, place))("192.0.2.1") == said


def test_a_database_that_was_damaged_knows_nothing_more(database: Path) -> None:
    whole = database.read_bytes()
    for at in range(22, 60):
        database.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
        place = MaxMindLocator(database)("192.0.2.1")
        assert place is None or isinstance(place, Place)
