"""Chain a writer's entries with HMACs, so that none can be edited, moved or taken out of the middle unseen.

The code of an entry covers the writer's name, the entry's number, the code of the entry before, the key's id and the
event's bytes. Every writer (a process, or one of its database connections) has a chain of its own: nobody waits.
"""

from __future__ import annotations

import hmac
import os
import re
import socket
import struct
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from aura_logging.audit.keys import KeyRing

__all__ = [
    "GENESIS",
    "MAC_BYTES",
    "Head",
    "Link",
    "code_of",
    "extend",
    "is_signed_by",
    "new_writer",
    "prefix_of",
    "start",
]

MAC_BYTES = 32
"""HMAC (RFC 2104) with SHA-256 (FIPS 180-4), not truncated."""

GENESIS = bytes(MAC_BYTES)
"""Stands before a writer's first entry."""

_LABEL = b"aura_logging.audit.entry.1\x00"
"""Keeps these codes apart from those of checkpoints and tombstones, which the same keys sign."""

_pack_lengths = struct.Struct(">HH").pack
_pack_place = struct.Struct(f">Q{MAC_BYTES}s").pack


class Head(NamedTuple):
    """Where a writer's chain ends: the number and the code of its last entry; 0 and `GENESIS` before the first."""

    writer: str
    seq: int
    mac: bytes


class Link(NamedTuple):
    """What ties an entry into its writer's chain. A tuple, because verifying makes a million of them.

    `seq` counts from 1; `previous` is the `mac` of the entry before. Codes are 32 bytes.
    """

    writer: str
    seq: int
    previous: bytes
    mac: bytes
    key_id: str


def start(writer: str) -> Head:
    """Return the head of a chain without entries."""
    return Head(writer, 0, GENESIS)


@lru_cache(maxsize=256)  # a process writes under few names
def prefix_of(writer: str, key_id: str) -> bytes:
    """Return what all entries of a writer under one key begin with, for `code_of`."""
    name, ring_id = writer.encode(), key_id.encode()
    # Lengths stand before the texts, so that no two entries are the same bytes.
    return _LABEL + _pack_lengths(len(name), len(ring_id)) + name + ring_id


def code_of(keyed: hmac.HMAC, prefix: bytes, seq: int, previous: bytes, event_bytes: bytes) -> bytes:
    """Return an entry's code; `keyed` is `KeyRing.keyed` of its key and is not changed.

    A copy of a keyed HMAC takes two thirds of the time of a new one.
    """
    code = keyed.copy()
    code.update(prefix + _pack_place(seq, previous) + event_bytes)
    return code.digest()


def extend(head: Head, event_bytes: bytes, keys: KeyRing) -> Link:
    """Return the link of the entry that follows `head`, signed with the newest key. Pure: the head stays as it is."""
    writer, seq, previous = head
    key_id = keys.newest_id
    mac = code_of(keys.keyed(key_id), prefix_of(writer, key_id), seq + 1, previous, event_bytes)
    return Link(writer, seq + 1, previous, mac, key_id)


def is_signed_by(link: Link, event_bytes: bytes, keys: KeyRing) -> bool:
    """Tell whether a key of the ring signed this entry, wherever it stands."""
    writer, seq, previous, mac, key_id = link
    if key_id not in keys or len(previous) != MAC_BYTES or not 0 < seq < 2**64:
        return False
    return hmac.compare_digest(code_of(keys.keyed(key_id), prefix_of(writer, key_id), seq, previous, event_bytes), mac)


def new_writer(
    now: Callable[[], float] = time.time,
    entropy: Callable[[int], bytes] = os.urandom,
) -> str:
    """Return a name for a writer that nobody had and nobody will have: when and where it began, and 64 random bits.

    At most 100 characters of `[A-Za-z0-9._-]`; names sort by the second in which they were made.
    """
    began = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now()))
    host = re.sub(r"[^A-Za-z0-9_]", "-", socket.gethostname())[:48] or "host"
    return f"{began}-{host}-{os.getpid()}-{entropy(8).hex()}"
