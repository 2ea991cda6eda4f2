"""Sign what is said about entries (checkpoints, tombstones) and write it as one line of JSON."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from aura_logging.audit.keys import KeyRing

__all__ = ["body", "is_signed", "sign"]


def body(members: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: JSON with sorted names and no spaces."""
    return orjson.dumps(members, None, orjson.OPT_SORT_KEYS)


def sign(kind: str, members: Mapping[str, Any], keys: KeyRing) -> bytes:
    """Return the code (HMAC-SHA256) of a statement of this kind under the newest key, whose id is `members["key"]`."""
    return hmac.digest(keys.newest, _label(kind) + body(members), "sha256")


def is_signed(kind: str, members: Mapping[str, Any], mac: bytes, keys: KeyRing) -> bool:
    """Tell whether the code is right; false for a key that the ring does not hold."""
    key_id = members.get("key")
    if key_id not in keys:
        return False
    expected = hmac.digest(keys.key(str(key_id)), _label(kind) + body(members), "sha256")
    return hmac.compare_digest(expected, mac)


def _label(kind: str) -> bytes:
    return b"aura_logging.audit.%b.1\x00" % kind.encode()
