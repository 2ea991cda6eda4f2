"""Spread requests, and records of none, evenly over the numbers from 0 to 1, alike in every process."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from struct import Struct
from typing import Any

from aura_logging import context
from aura_logging.plain_data import plain_text

__all__ = ["identity_of", "share_of_identity", "share_of_message"]

_SPAN = 0x1_0000_0000
_time = Struct("<d").pack


def identity_of(fields: Mapping[str, Any]) -> object:
    """Return the id that a record shares with all others of its request: correlation id or trace id; `None` if none.

    The record's own comes first, then what is bound where it is logged.
    """
    found = fields.get("correlation_id") or fields.get("trace_id")
    if found:
        return found
    bound = context.current()
    return bound.get("correlation_id") or bound.get("trace_id") or None


def share_of_identity(identity: object) -> float:
    """Return a number from 0 to below 1 that is the same for one id in every process and service."""
    text = identity if type(identity) is str else plain_text(identity)
    return _spread(zlib.crc32(text.encode("utf-8", "backslashreplace")))


def share_of_message(logger: str, template: object, created: float) -> float:
    """Return such a number for one record that belongs to no request: by what it says, and when."""
    text = f"{logger}\n{template if type(template) is str else plain_text(template)}"
    return _spread(zlib.crc32(_time(created), zlib.crc32(text.encode("utf-8", "backslashreplace"))))


def _spread(checksum: int) -> float:
    """Return a CRC-32 as a share, its bits mixed by the last steps of MurmurHash3 (Appleby, `fmix32`).

    CRC-32 alone is linear: of ids that are numbered one after the other it would take far too many or too few. Both
    together cost a third of a cryptographic hash.
    """
    checksum ^= checksum >> 16
    checksum = checksum * 0x85EBCA6B & 0xFFFFFFFF
    checksum ^= checksum >> 13
    checksum = checksum * 0xC2B2AE35 & 0xFFFFFFFF
    return (checksum ^ checksum >> 16) / _SPAN
