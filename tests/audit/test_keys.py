"""A key ring says what is wrong with a key, and never the key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from aura_logging.audit.chain import GENESIS, Head, extend, new_writer, prefix_of
from aura_logging.audit.keys import KeyRing, UnknownKeyError
from aura_logging.audit.options import AuditOptions
from aura_logging.options import OptionError, fill

RAW = bytes(range(32))


def test_a_key_may_be_spelled_in_several_ways() -> None:
    ring = KeyRing({"a": RAW, "b": f"hex:{RAW.hex()}", "c": f"base64:{base64.b64encode(RAW).decode()}", "d": "x" * 32})

    assert ring.key("a") == ring.key("b") == ring.key("c") == RAW
    assert ring.key("d") == b"x" * 32
    assert ring.newest_id == "d"
    assert list(ring) == ["a", "b", "c", "d"]
    with pytest.raises(UnknownKeyError):
        ring.key("e")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "keys is empty"),
        ({"a": "short"}, "keys['a'] has 5 bytes; it must have 32 at least."),
        ({"a": "hex:zz"}, "keys['a'] does not decode"),
        ({"a": "base64:?"}, "keys['a'] does not decode"),
        ({"a": 5}, "keys['a'] is a int; it must be bytes or text."),
        ({"a b": RAW}, "keys has the id 'a b'"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(keys: Any, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        KeyRing(keys)

    assert message in str(caught.value)


def test_a_ring_shows_its_ids_and_no_key() -> None:
    assert repr(KeyRing({"2026": "secret" * 8})) == "KeyRing(2026)"


def test_a_key_can_be_derived_by_hkdf() -> None:
    # RFC 5869, 2.2 and 2.3, with an empty salt and one block of output.
    extracted = hmac.digest(bytes(32), b"django secret", hashlib.sha256)
    expected = hmac.digest(extracted, b"aura_logging.audit\x01", hashlib.sha256)

    assert KeyRing.derived("django secret").newest == expected


def test_an_entrys_code_is_an_hmac_over_everything_that_ties_it() -> None:
    ring = KeyRing({"k1": RAW})

    link = extend(Head("web-1", 6, GENESIS), b"{}", ring)

    message = b"aura_logging.audit.entry.1\x00" + b"\x00\x05\x00\x02" + b"web-1" + b"k1"
    message += (7).to_bytes(8, "big") + GENESIS + b"{}"
    assert prefix_of("web-1", "k1") == message[: -8 - 32 - 2]
    assert link.mac == hmac.digest(RAW, message, hashlib.sha256)
    assert link[:3] == ("web-1", 7, GENESIS)


def test_writers_names_sort_by_time_and_are_never_the_same() -> None:
    names = [new_writer(lambda: 1_800_000_000.0), new_writer(lambda: 1_800_000_001.0)]

    assert names == sorted(names)
    assert new_writer() != new_writer()
    assert len(names[0]) <= 100


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"when_unwritable": "jornal"}, "Did you mean 'journal'?"),
        ({"when_unwritable": "journal"}, "needs journal_dir"),
        ({"checkpoint_seconds": 0}, "checkpoint_seconds=0.0 must be more than 0."),
        ({"keep_days": {"acces": 1}}, "Did you mean 'access'?"),
        ({"keep_days": {"access": -1}}, "must be a number of days above 0"),
        ({"keys": {"a": "short"}}, "it must have 32 at least"),
    ],
)
def test_a_bad_setting_is_named_with_its_fix(section: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        fill(AuditOptions, section, where='AURA["AUDIT"]')

    assert message in str(caught.value)
    assert 'AURA["AUDIT"]' in str(caught.value)


def test_settings_make_a_key_ring() -> None:
    options = fill(AuditOptions, {"keys": {"2026": f"hex:{RAW.hex()}"}}, where='AURA["AUDIT"]')

    assert options.key_ring().newest == RAW
